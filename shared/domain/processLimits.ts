/** What a program is limited to and how it is scheduled: systemd.exec(5), "Process Properties", "Scheduling". */
import { parseCpuSet } from './cpuSets.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { parseMicroseconds } from './timeSpan.ts';
import { type Parsed, parseBoolean, parseSize, parseWholeBetween, wholeNumber } from './values.ts';

/** By `Limit…=`: what setrlimit(2) takes, and whether docker has it. */
export const limitNames = [
  'CPU',
  'FSIZE',
  'DATA',
  'STACK',
  'CORE',
  'RSS',
  'NOFILE',
  'AS',
  'NPROC',
  'MEMLOCK',
  'LOCKS',
  'SIGPENDING',
  'MSGQUEUE',
  'NICE',
  'RTPRIO',
  'RTTIME',
] as const;

export type LimitName = (typeof limitNames)[number];

/** Whole numbers in digits, which may need 64 bits, or `infinity`. */
export interface Limit {
  soft: string;
  hard: string;
}

export interface ProcessLimits {
  limits: Partial<Record<LimitName, Limit>>;
  /** Absent: as the agent has it. */
  nice?: number;
  oomScoreAdjust?: number;
  ioClass?: (typeof ioClasses)[number];
  ioPriority?: number;
  cpuPolicy?: (typeof cpuPolicies)[number];
  cpuPriority?: number;
  resetOnFork?: boolean;
  cpuAffinity?: number[];
}

/** In the kernel's order: each may be given by its number, too. */
export const ioClasses = ['none', 'realtime', 'best-effort', 'idle'] as const;
/** By sched_setscheduler(2)'s numbers; 4 is none. */
const cpuPolicies = ['other', 'fifo', 'rr', 'batch', 'idle'] as const;
const cpuPolicyNumbers: Record<string, (typeof cpuPolicies)[number]> = {
  0: 'other',
  1: 'fifo',
  2: 'rr',
  3: 'batch',
  5: 'idle',
};

const section = 'Service';

export function readProcessLimits(reader: DirectiveReader): ProcessLimits {
  const affinity = readAffinity(reader);
  return {
    limits: readLimits(reader),
    ...optional('nice', reader.value(section, 'Nice', parseWholeBetween(-20, 19), undefined)),
    ...optional('oomScoreAdjust', reader.value(section, 'OOMScoreAdjust', parseWholeBetween(-1000, 1000), undefined)),
    ...optional('ioClass', reader.value(section, 'IOSchedulingClass', parseIoClass, undefined)),
    ...optional('ioPriority', reader.value(section, 'IOSchedulingPriority', parseWholeBetween(0, 7), undefined)),
    ...optional('cpuPolicy', reader.value(section, 'CPUSchedulingPolicy', parseCpuPolicy, undefined)),
    ...optional('cpuPriority', reader.value(section, 'CPUSchedulingPriority', parseWholeBetween(0, 99), undefined)),
    ...optional('resetOnFork', reader.value(section, 'CPUSchedulingResetOnFork', parseBoolean, undefined)),
    ...(affinity.length > 0 ? { cpuAffinity: affinity } : {}),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [k in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [k in K]?: V };
}

function readLimits(reader: DirectiveReader): ProcessLimits['limits'] {
  const entries = limitNames.flatMap((name) => {
    const limit = reader.value<Limit | undefined>(section, `Limit${name}`, (text) => parseLimit(name, text), undefined);
    return limit === undefined ? [] : [[name, limit] as const];
  });
  return Object.fromEntries(entries);
}

/** Several lines add up, as those of a list. */
function readAffinity(reader: DirectiveReader): number[] {
  const sets = reader.list(section, 'CPUAffinity').map((option) => {
    if (option.value === 'numa') {
      reader.fail(option, 'is not supported: write the numbers of the processors');
      return [];
    }
    return reader.parse(option, option.value, parseCpuSet, []);
  });
  return [...new Set(sets.flat())].sort((a, b) => a - b);
}

function parseIoClass(text: string): Parsed<(typeof ioClasses)[number]> {
  const found = ioClasses.find((name, number) => text === name || text === String(number));
  // To the kernel, none is best-effort with a priority that follows from the nice level.
  if (found === 'none') return { value: 'best-effort' };
  return found === undefined ? { error: `is none of ${ioClasses.join(', ')}` } : { value: found };
}

function parseCpuPolicy(text: string): Parsed<(typeof cpuPolicies)[number]> {
  const found = cpuPolicyNumbers[text] ?? cpuPolicies.find((name) => name === text);
  return found === undefined ? { error: `is none of ${cpuPolicies.join(', ')}` } : { value: found };
}

/** `soft:hard`, or one for both. */
export function parseLimit(name: LimitName, text: string): Parsed<Limit> {
  const [soft = '', hard = soft, ...more] = text.split(':');
  if (more.length > 0) return { error: 'has more than a soft and a hard limit' };
  const [parsedSoft, parsedHard] = [parseOne(name, soft), parseOne(name, hard)];
  if ('error' in parsedSoft) return parsedSoft;
  if ('error' in parsedHard) return parsedHard;
  const limit = { soft: parsedSoft.value, hard: parsedHard.value };
  return exceeds(limit) ? { error: 'has a soft limit above the hard one' } : { value: limit };
}

function exceeds({ soft, hard }: Limit): boolean {
  if (hard === 'infinity') return false;
  return soft === 'infinity' || BigInt(soft) > BigInt(hard);
}

const sizes: readonly LimitName[] = ['FSIZE', 'DATA', 'STACK', 'CORE', 'RSS', 'AS', 'MEMLOCK', 'MSGQUEUE'];
const infinity = 2n ** 64n - 1n;
const noLimit = { error: 'is neither a whole number nor infinity' };

function parseOne(name: LimitName, text: string): Parsed<string> {
  if (name === 'NICE') return parseNiceLimit(text);
  if (text === 'infinity') return { value: text };
  if (sizes.includes(name)) {
    const size = parseSize(text);
    return 'error' in size
      ? { error: 'is neither a size in bytes, such as 512M, nor infinity' }
      : { value: String(size.value) };
  }
  if (name === 'CPU') return parseTime(text, 1_000_000n);
  if (name === 'RTTIME') return parseTime(text, 1n, 'us');
  const number = wholeNumber(text);
  return number === null || number < 0n || number >= infinity ? noLimit : { value: String(number) };
}

/** Rounded up to whole ones of the kernel's unit. Without a unit it is in that unit. */
function parseTime(text: string, usecPerUnit: bigint, unit = ''): Parsed<string> {
  const span = parseMicroseconds(/^[ \t]*\d+[ \t]*$/.test(text) ? `${text}${unit}` : text);
  if (span === null) return { error: 'is no time span, such as 90, 5min 20s or infinity' };
  return { value: span === 'infinity' ? span : String((span + usecPerUnit - 1n) / usecPerUnit) };
}

/** With a sign it is a nice level, without one what the kernel takes: 20 less the level. */
function parseNiceLimit(text: string): Parsed<string> {
  const [, sign = '', digits = ''] = /^([+-]?)(\w+)$/.exec(text) ?? [];
  const number = wholeNumber(digits);
  const error = { error: 'is neither a nice level, such as +5 or -5, nor a number from 0 to 40' };
  if (number === null) return error;
  if (sign === '+') return number < 20n ? { value: String(20n - number) } : error;
  if (sign === '-') return number <= 20n ? { value: String(20n + number) } : error;
  return number <= 40n ? { value: String(number) } : error;
}
