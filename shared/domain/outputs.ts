/** `StandardOutput=`, `StandardError=`: systemd.exec(5), "LOGGING AND STANDARD INPUT/OUTPUT". */
import type { DirectiveReader } from './directiveReader.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';

/** `file` begins to write at the start of what is there, and leaves the rest. */
export type Output = { to: 'null' } | { to: 'file' | 'append' | 'truncate'; path: string };

/** Absent: the journal; for errors, where the other output goes. */
export interface Outputs {
  standardOutput?: Output;
  standardError?: Output | { to: 'journal' };
}

const section = 'Service';
const journal = new Set(['journal', 'journal+console', 'syslog', 'syslog+console']);

export function readOutputs(reader: DirectiveReader): Outputs {
  const output = readOutput(reader, 'StandardOutput');
  const error = readOutput(reader, 'StandardError');
  return {
    ...(output && output.to !== 'journal' ? { standardOutput: output } : {}),
    ...(error ? { standardError: error } : {}),
  };
}

function readOutput(reader: DirectiveReader, name: string): Output | { to: 'journal' } | undefined {
  const written = reader.text(section, name);
  if (written === undefined || written.text === 'inherit') return undefined;
  const { option, text } = written;
  if (text === 'null') return { to: 'null' };
  const [, to, path = ''] = /^(file|append|truncate):(.*)$/.exec(text) ?? [];
  if (to === 'file' || to === 'append' || to === 'truncate') {
    if (!isAbsolutePath(path) || hasParentReference(path)) reader.fail(option, 'is no absolute path without ..');
    return { to, path: simplifyPath(path) };
  }
  if (!journal.has(text)) reader.warn(option, 'is not supported: what is printed goes to the journal');
  return { to: 'journal' };
}
