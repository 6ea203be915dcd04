/**
 * Whether a machine meets a unit's conditions: systemd.unit(5), "Conditions and Asserts". The machine is a port, so that
 * `systemd-analyze condition` can be the judge of the rules, and a fake machine can stand in tests.
 */
import { architectureOf } from './architectures.ts';
import { holds, passes, splitVersionTerms } from './comparison.ts';
import {
  type Bound,
  type ConditionTest,
  isMachineKind,
  type PathKind,
  parseCpuBound,
  parseMemoryBound,
} from './conditions.ts';
import { matchesShellPattern } from './glob.ts';
import { lookAtMachine, type MachineFiles } from './machineConditions.ts';
import { type Directories, firstMatch } from './pathGlob.ts';
import { splitWords } from './quoting.ts';
import { type Parsed, parseBoolean } from './values.ts';

/** What conditions ask of a machine. Nothing rejects: what cannot be seen is not there. */
export interface ConditionFacts extends Directories, MachineFiles {
  /** Behind symbolic links; null where there is nothing. */
  stat(path: string): Promise<FileFacts | null>;
  isSymbolicLink(path: string): Promise<boolean>;
  /** Behind symbolic links. */
  isMountPoint(path: string): Promise<boolean>;
  /** Whether the file system that it is on is mounted read-only; null where there is nothing, false where that cannot be told. */
  isReadOnly(path: string): Promise<boolean | null>;
  host(): { hostname: string; machineId: string; kernelRelease: string; machine: string };
  kernelCommandLine(): Promise<string>;
  /** Of whoever runs the units. */
  environment(): Readonly<Record<string, string | undefined>>;
  memoryBytes(): Promise<number>;
  /** Processors that it may use. */
  cpus(): Promise<number>;
  /** Whether it runs units as this user (name, number, or `@system` for any system user). */
  isUser(user: string): Promise<boolean>;
  isGroup(group: string): Promise<boolean>;
  isFirstBoot(): Promise<boolean>;
}

export interface FileFacts {
  kind: 'file' | 'directory' | 'other';
  sizeBytes: number;
  /** The permission bits. */
  mode: number;
}

/** Null where all is met, else what was not, for people. */
export async function unmetCondition(tests: readonly ConditionTest[], facts: ConditionFacts): Promise<string | null> {
  const triggering: string[] = [];
  let triggered = false;
  for (const test of tests) {
    const isMet = await isConditionMet(test, facts);
    if (test.triggers) {
      triggering.push(test.text);
      triggered ||= isMet;
    } else if (!isMet) return `${test.text} was not met`;
  }
  if (triggering.length === 0 || triggered) return null;
  return triggering.length === 1 ? `${triggering[0]} was not met` : `none of ${triggering.join(', ')} was met`;
}

export async function isConditionMet(test: ConditionTest, facts: ConditionFacts): Promise<boolean> {
  const outcome = await look(test, facts);
  // What cannot be read counts as unmet, whether it is negated or not.
  return outcome !== null && outcome !== test.negated;
}

/** Null: the value cannot be read. */
async function look({ kind, value }: ConditionTest, facts: ConditionFacts): Promise<boolean | null> {
  switch (kind) {
    case 'Host':
      return isHost(value, facts);
    case 'KernelVersion':
      return isKernelVersion(value, facts.host().kernelRelease);
    case 'KernelCommandLine':
      return hasAssignment(splitWords(await facts.kernelCommandLine(), 'keep').words, value);
    case 'Environment':
      return hasAssignment(assignmentsOf(facts.environment()), value);
    case 'Memory':
      return isWithin(parseMemoryBound(value), await facts.memoryBytes());
    case 'CPUs':
      return isWithin(parseCpuBound(value), await facts.cpus());
    case 'Architecture':
      return value === 'native' || architectureOf(facts.host().machine) === value;
    case 'User':
      return facts.isUser(value);
    case 'Group':
      return facts.isGroup(value);
    case 'FirstBoot': {
      const wished = parseBoolean(value);
      return 'error' in wished ? null : wished.value === (await facts.isFirstBoot());
    }
    default:
      return isMachineKind(kind) ? lookAtMachine(kind, value, facts) : lookAtPath(kind, value, facts);
  }
}

async function lookAtPath(kind: PathKind, path: string, facts: ConditionFacts): Promise<boolean> {
  switch (kind) {
    case 'PathExistsGlob':
      return (await firstMatch(path, facts)) !== null;
    case 'PathIsSymbolicLink':
      return facts.isSymbolicLink(path);
    case 'PathIsMountPoint':
      return facts.isMountPoint(path);
    case 'PathIsReadWrite':
      return (await facts.isReadOnly(path)) === false;
    case 'DirectoryNotEmpty':
      return ((await facts.entries(path)) ?? []).some((name) => !isHiddenOrBackup(name));
    default: {
      const found = await facts.stat(path);
      return found !== null && isOfKind(kind, found);
    }
  }
}

function isOfKind(
  kind: 'PathExists' | 'PathIsDirectory' | 'FileNotEmpty' | 'FileIsExecutable',
  { kind: is, sizeBytes, mode }: FileFacts,
): boolean {
  switch (kind) {
    case 'PathExists':
      return true;
    case 'PathIsDirectory':
      return is === 'directory';
    case 'FileNotEmpty':
      return is === 'file' && sizeBytes > 0;
    case 'FileIsExecutable':
      return is === 'file' && (mode & 0o111) !== 0;
    default:
      return kind satisfies never;
  }
}

/** What editors and package managers leave beside files does not make a directory full (systemd's hidden_or_backup_file). */
export function isHiddenOrBackup(name: string): boolean {
  if (/^\.|~$/.test(name) || name === 'lost+found' || /^aquota\.(user|group)$/.test(name)) return true;
  const [, ending = ''] = /\.([^.]*)$/.exec(name) ?? [];
  return backupEndings.has(ending);
}

const backupEndings = new Set(
  'rpmnew rpmsave rpmorig dpkg-old dpkg-new dpkg-tmp dpkg-dist dpkg-bak dpkg-backup dpkg-remove ucf-new ucf-old ucf-dist swp bak old new'.split(
    ' ',
  ),
);

function isHost(value: string, facts: ConditionFacts): boolean {
  const { hostname, machineId } = facts.host();
  const id = value.replaceAll('-', '').toLowerCase();
  if (/^[0-9a-f]{32}$/.test(id)) return id === machineId;
  return matchesShellPattern(value, hostname, { foldCase: true });
}

function isKernelVersion(value: string, release: string): boolean | null {
  const terms = splitVersionTerms(value);
  if (terms === null) return null;
  return terms.every((term) => passes(release, term));
}

/** `name` asks for the name alone, with whatever value; `name=value` for exactly that. */
function hasAssignment(assignments: readonly string[], asked: string): boolean {
  if (asked.includes('=')) return assignments.includes(asked);
  return assignments.some((assignment) => assignment === asked || assignment.startsWith(`${asked}=`));
}

function assignmentsOf(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

function isWithin(bound: Parsed<Bound>, number: number): boolean | null {
  return 'error' in bound ? null : holds(bound.value.comparison, number - bound.value.number);
}
