/** `Condition…=` and `Assert…=` of `[Unit]`: systemd.unit(5), "Conditions and Asserts". What they say of a machine is `testConditions.ts`'s. */

import { systemdArchitectures } from './architectures.ts';
import { type Comparison, readComparison, splitVersionTerms } from './comparison.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { type MachineKind, machineKinds, parseMachineValue } from './machineConditions.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import { type Parsed, parseBoolean, parseSize } from './values.ts';

/** The kinds whose value is a path. */
const pathKinds = [
  'PathExists',
  'PathExistsGlob',
  'PathIsDirectory',
  'PathIsSymbolicLink',
  'PathIsMountPoint',
  'PathIsReadWrite',
  'DirectoryNotEmpty',
  'FileNotEmpty',
  'FileIsExecutable',
] as const;

const otherKinds = [
  'Host',
  'KernelVersion',
  'KernelCommandLine',
  'Environment',
  'Memory',
  'CPUs',
  'Architecture',
  'User',
  'Group',
  'FirstBoot',
] as const;

export type PathKind = (typeof pathKinds)[number];
export type ConditionKind = PathKind | (typeof otherKinds)[number] | MachineKind;

export const conditionKinds: readonly ConditionKind[] = [...pathKinds, ...otherKinds, ...machineKinds];

export interface ConditionTest {
  kind: ConditionKind;
  /** Without its prefixes, specifiers expanded. */
  value: string;
  /** `|`: of all tests that have it one must hold, of the others each. */
  triggers: boolean;
  /** `!`: holds where it would not. */
  negated: boolean;
  /** As written, for messages: `ConditionPathExists=|!/etc/off`. */
  text: string;
}

/** The tests that count, in the order of the file; what is wrong with them is left with the reader. */
export function readConditions(reader: DirectiveReader, prefix: 'Condition' | 'Assert'): ConditionTest[] {
  // An empty one takes back all before it, of whatever kind.
  const options = reader.list('Unit', ...conditionKinds.map((kind) => `${prefix}${kind}`));
  return options.map((option) => {
    const [, bar = '', bang = '', rest = ''] = /^(\|?)(!?)(.*)$/s.exec(option.value) ?? [];
    const kind = conditionKinds.find((each) => option.name === `${prefix}${each}`) ?? 'PathExists';
    const expanded = reader.expand(option, rest);
    const value = reader.parse(option, expanded, (text) => parseConditionValue(kind, text), expanded);
    return { kind, value, triggers: bar !== '', negated: bang !== '', text: `${option.name}=${option.value}` };
  });
}

/** The value in its simplest form; systemd would only notice at the start, and then count what it cannot read as unmet. */
export function parseConditionValue(kind: ConditionKind, text: string): Parsed<string> {
  switch (kind) {
    case 'KernelVersion':
      return splitVersionTerms(text) === null ? { error: 'has an operator without a version' } : { value: text };
    case 'Memory':
      return checked(text, parseMemoryBound(text));
    case 'CPUs':
      return checked(text, parseCpuBound(text));
    case 'Architecture':
      if (text === 'native' || systemdArchitectures.has(text)) return { value: text };
      return { error: `is no architecture, such as x86-64 or arm64 (${[...systemdArchitectures].join(', ')})` };
    case 'FirstBoot':
      return checked(text, parseBoolean(text));
    case 'Host':
    case 'KernelCommandLine':
    case 'Environment':
    case 'User':
    case 'Group':
      if (kind === 'Group' && text.startsWith('@')) return { error: 'is no name or number of a group' };
      return text === '' ? { error: 'is empty' } : { value: text };
    case 'PathExistsGlob':
      if (text.includes('[:')) return { error: 'has a named class: write the characters, such as [0-9]' };
      return parsePath(text);
    default:
      return isMachineKind(kind) ? parseMachineValue(kind, text) : parsePath(text);
  }
}

export function isMachineKind(kind: ConditionKind): kind is MachineKind {
  return machineKinds.some((known) => known === kind);
}

export interface Bound {
  comparison: Comparison;
  number: number;
}

/** `>= 1G`; without an operator it is the least that must be there. */
export function parseMemoryBound(text: string): Parsed<Bound> {
  return parseBound(text, parseSize);
}

export function parseCpuBound(text: string): Parsed<Bound> {
  return parseBound(text, (number) =>
    /^\d{1,9}$/.test(number) ? { value: Number(number) } : { error: 'is no number of processors' },
  );
}

function parseBound(text: string, parse: (number: string) => Parsed<number>): Parsed<Bound> {
  const { comparison, operand } = readComparison(text) ?? { comparison: '>=' as const, operand: text };
  const number = parse(operand.trim());
  return 'error' in number ? number : { value: { comparison, number: number.value } };
}

function checked(text: string, parsed: Parsed<unknown>): Parsed<string> {
  return 'error' in parsed ? parsed : { value: text };
}

function parsePath(text: string): Parsed<string> {
  if (!isAbsolutePath(text)) return { error: 'is no absolute path' };
  return hasParentReference(text) ? { error: 'has a .. in it' } : { value: simplifyPath(text) };
}
