/** `RuntimeDirectory=`, `StateDirectory=` and their like: systemd.exec(5), "SANDBOXING". */
import type { DirectiveReader } from './directiveReader.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import { type Parsed, parseBoolean, parseMode } from './values.ts';

export const directoryKinds = ['Runtime', 'State', 'Cache', 'Logs', 'Configuration'] as const;
export type DirectoryKind = (typeof directoryKinds)[number];

export interface ServiceDirectories {
  /** Below the root of their kind (`/run`, `/var/lib` …), which the machine knows. */
  paths: string[];
  mode: number;
}

/** Whether what is in `/run` outlives a stop, or a restart alone. */
export type Preservation = 'no' | 'restart' | 'yes';

export interface Directories {
  directories: Partial<Record<DirectoryKind, ServiceDirectories>>;
  runtimePreserve: Preservation;
}

const section = 'Service';
const defaultMode = 0o755;

export function readDirectories(reader: DirectiveReader): Directories {
  const found = directoryKinds.flatMap((kind) => {
    const paths = reader.words(section, `${kind}Directory`, 'keep').map(({ option, word }) => {
      const isBelow = !isAbsolutePath(word) && !hasParentReference(word) && !/^\.?\/*$/.test(word);
      if (word.includes(':'))
        reader.fail(option, `: a link to it (${word}) is not supported: name the directory alone`);
      else if (!isBelow) reader.fail(option, `: ${JSON.stringify(word)} is no relative path without ..`);
      return simplifyPath(`/${word}`).slice(1);
    });
    const mode = reader.value(section, `${kind}DirectoryMode`, parseMode, defaultMode);
    return paths.length === 0 ? [] : [[kind, { paths: [...new Set(paths)], mode }] as const];
  });
  return {
    directories: Object.fromEntries(found),
    runtimePreserve: reader.value(section, 'RuntimeDirectoryPreserve', parsePreservation, 'no'),
  };
}

function parsePreservation(text: string): Parsed<Preservation> {
  if (text === 'restart') return { value: text };
  const choice = parseBoolean(text);
  return 'error' in choice ? { error: 'is none of no, yes, restart' } : { value: choice.value ? 'yes' : 'no' };
}
