/** `[Path]`: what has to be there, or to change, for a unit to be started. Semantics: systemd.path(5). */
import type { DirectiveReader } from './directiveReader.ts';
import { isAbsolutePath, simplifyPath } from './paths.ts';
import { parseTimeSpan } from './timeSpan.ts';
import { readTarget } from './triggerTarget.ts';
import type { UnitName } from './unitName.ts';
import { type Parsed, parseBoolean, parseMode, parseUnsigned } from './values.ts';

export interface PathSpec {
  /** Any of them is enough. */
  triggers: PathTrigger[];
  /** The unit that it starts. */
  unit: string;
  makeDirectory: boolean;
  directoryMode: number;
  /** At most `burst` starts within `intervalMs`; 0 switches the limit off. */
  limit: { intervalMs: number; burst: number };
}

export interface PathTrigger {
  kind: PathTriggerKind;
  path: string;
}

export const pathTriggerKinds = [
  'PathExists',
  'PathExistsGlob',
  'PathChanged',
  'PathModified',
  'DirectoryNotEmpty',
] as const;
export type PathTriggerKind = (typeof pathTriggerKinds)[number];

const section = 'Path';

/** `nameReader` knows the specifiers of the name alone: which unit is started must not depend on the machine. */
export function readPath(reader: DirectiveReader, nameReader: DirectiveReader, unit: UnitName): PathSpec {
  const triggers = readTriggers(reader);
  if (triggers.length === 0) {
    reader.report(
      'error',
      undefined,
      'nothing is watched: write PathExists=, PathChanged= or another of them in [Path]',
    );
  }
  return {
    triggers,
    unit: readTarget(nameReader, section, unit),
    makeDirectory: reader.value(section, 'MakeDirectory', parseBoolean, false),
    directoryMode: reader.value(section, 'DirectoryMode', parseMode, 0o755),
    limit: {
      intervalMs: reader.value(section, 'TriggerLimitIntervalSec', parseLimit, 2_000),
      burst: reader.value(section, 'TriggerLimitBurst', parseUnsigned, 200),
    },
  };
}

/** An empty assignment to any of them forgets all that stood before. */
function readTriggers(reader: DirectiveReader): PathTrigger[] {
  const kinds = new Map<string, PathTriggerKind>(pathTriggerKinds.map((kind) => [kind, kind]));
  return reader.list(section, ...pathTriggerKinds).flatMap((option): PathTrigger[] => {
    const kind = kinds.get(option.name);
    const path = reader.expand(option, option.value);
    if (kind === undefined || isAbsolutePath(path)) return kind ? [{ kind, path: simplifyPath(path) }] : [];
    reader.fail(option, 'is no absolute path');
    return [];
  });
}

/** Without a time nothing is limited. */
function parseLimit(text: string): Parsed<number> {
  const span = parseTimeSpan(text);
  return 'value' in span ? { value: span.value ?? 0 } : span;
}
