/** What a machine is said to be when its node starts: `--metadata` and `--metadata-file`. */
import { readFile } from 'node:fs/promises';
import { FailureError, UsageError } from './errors.ts';

/**
 * The metadata of a file and of a flag, of which the flag has the last word.
 * @throws {FailureError} the file cannot be read. @throws {UsageError} something there is no pair, or a key stands twice.
 */
export async function readMetadata(from: {
  file: string | undefined;
  pairs: string | undefined;
}): Promise<Record<string, string>> {
  const { file, pairs = '' } = from;
  const ofFlag = parseMetadata(pairs);
  return file === undefined ? ofFlag : { ...parseMetadataFile(file, await textOf(file)), ...ofFlag };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FailureError(`--metadata-file: ${file} cannot be read: ${why}`);
  }
}

/**
 * `zone=a,disk=ssd`, as fleet's `metadata` option has it.
 * @throws {UsageError} a part is no pair, or a key stands twice.
 */
export function parseMetadata(text: string): Record<string, string> {
  const parts = text.split(',').map((part) => ({ where: '--metadata', part }));
  return collect(parts);
}

/**
 * A pair `key=value` on each line; what begins with `#` or `;` is a comment, as in unit files.
 * @throws {UsageError} with all that is wrong, each with its line.
 */
export function parseMetadataFile(file: string, text: string): Record<string, string> {
  const lines = text.split('\n').map((part, index) => ({ where: `${file}:${index + 1}`, part }));
  return collect(lines.filter(({ part }) => !/^\s*[#;]/.test(part)));
}

function collect(parts: readonly { where: string; part: string }[]): Record<string, string> {
  const metadata = new Map<string, string>();
  const problems: string[] = [];
  for (const { where, part } of parts) {
    const pair = part.trim();
    if (pair === '') continue;
    const [, key, value] = /^([^=\s]+)=(.*)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined) problems.push(`${where}: "${pair}" is not of the form key=value`);
    else if (metadata.has(key)) problems.push(`${where}: ${key} stands there twice`);
    else metadata.set(key, value);
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return Object.fromEntries(metadata);
}
