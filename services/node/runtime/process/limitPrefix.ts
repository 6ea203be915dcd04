/** The programs that give a command its limits and its scheduling and then become it: those of util-linux. */
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { formatCpuSet } from '../../../../shared/domain/cpuSets.ts';
import {
  ioClasses,
  type Limit,
  type LimitName,
  limitNames,
  type ProcessLimits,
} from '../../../../shared/domain/processLimits.ts';

/** What the agent itself has, which its units start from. */
export interface OwnLimits {
  nice: number;
  oomScoreAdjust: number;
  /** The bits of capabilities(7). */
  capabilities: bigint;
  hard: Partial<Record<LimitName, string>>;
}

const capabilities = { SYS_ADMIN: 21n, SYS_NICE: 23n, SYS_RESOURCE: 24n } as const;

export function limitPrefix(limits: ProcessLimits, own: OwnLimits): string[] {
  const { nice, oomScoreAdjust, cpuAffinity } = limits;
  return [
    ...(oomScoreAdjust === undefined ? [] : ['/usr/bin/choom', '-n', String(oomScoreAdjust), '--']),
    // nice(1) adds to what it has.
    ...(nice === undefined ? [] : ['/usr/bin/nice', '-n', String(nice - own.nice), '--']),
    ...ioPrefix(limits),
    ...cpuPrefix(limits),
    ...(cpuAffinity === undefined ? [] : ['/usr/bin/taskset', '--cpu-list', formatCpuSet(cpuAffinity)]),
    ...resourcePrefix(limits),
  ];
}

/** A priority alone is one of the class best-effort. */
function ioPrefix({ ioClass, ioPriority }: ProcessLimits): string[] {
  if (ioClass === undefined && ioPriority === undefined) return [];
  const number = ioClasses.indexOf(ioClass ?? 'best-effort');
  const level = ioClass === 'idle' ? [] : ['--classdata', String(ioPriority ?? 4)];
  return ['/usr/bin/ionice', '--class', String(number), ...level];
}

function cpuPrefix({ cpuPolicy = 'other', cpuPriority, resetOnFork }: ProcessLimits): string[] {
  if (cpuPolicy === 'other' && resetOnFork !== true) return [];
  const isRealTime = cpuPolicy === 'fifo' || cpuPolicy === 'rr';
  const reset = resetOnFork === true ? ['--reset-on-fork'] : [];
  return ['/usr/bin/chrt', `--${cpuPolicy}`, ...reset, isRealTime ? String(cpuPriority ?? 1) : '0'];
}

function resourcePrefix({ limits }: ProcessLimits): string[] {
  const options = limitNames.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [`--${name.toLowerCase()}=${asPrlimit(limit)}`];
  });
  return options.length > 0 ? ['/usr/bin/prlimit', ...options, '--'] : [];
}

function asPrlimit({ soft, hard }: Limit): string {
  return [soft, hard].map((each) => (each === 'infinity' ? 'unlimited' : each)).join(':');
}

/** What the agent may not do for its units, for people; null where it may do all of it. */
export function whyNotLimited(limits: ProcessLimits, own: OwnLimits): string | null {
  const { nice, oomScoreAdjust, cpuPolicy, ioClass } = limits;
  const may = (name: keyof typeof capabilities) => (own.capabilities & (1n << capabilities[name])) !== 0n;
  const refuse = (what: string, name: keyof typeof capabilities) =>
    `${what}: this agent may not (it has no CAP_${name}); run the node as root, or leave it out`;
  if (nice !== undefined && nice < own.nice && !may('SYS_NICE')) return refuse(`Nice=${nice}`, 'SYS_NICE');
  if ((cpuPolicy === 'fifo' || cpuPolicy === 'rr') && !may('SYS_NICE')) {
    return refuse(`CPUSchedulingPolicy=${cpuPolicy}`, 'SYS_NICE');
  }
  if (ioClass === 'realtime' && !may('SYS_ADMIN') && !may('SYS_NICE')) {
    return refuse('IOSchedulingClass=realtime', 'SYS_NICE');
  }
  if (oomScoreAdjust !== undefined && oomScoreAdjust < own.oomScoreAdjust && !may('SYS_RESOURCE')) {
    return refuse(`OOMScoreAdjust=${oomScoreAdjust}`, 'SYS_RESOURCE');
  }
  const raised = limitNames.find((name) => raises(limits.limits[name], own.hard[name]));
  if (raised === undefined || may('SYS_RESOURCE')) return null;
  return refuse(
    `Limit${raised}=${limits.limits[raised]?.hard}, above the agent’s own ${own.hard[raised]}`,
    'SYS_RESOURCE',
  );
}

function raises(limit: Limit | undefined, own: string | undefined): boolean {
  if (limit === undefined || own === undefined || own === 'infinity') return false;
  return limit.hard === 'infinity' || BigInt(limit.hard) > BigInt(own);
}

/** By the first word of the lines of /proc/self/limits: proc_pid_limits(5). */
const kernelNames: Record<LimitName, string> = {
  CPU: 'Max cpu time',
  FSIZE: 'Max file size',
  DATA: 'Max data size',
  STACK: 'Max stack size',
  CORE: 'Max core file size',
  RSS: 'Max resident set',
  NOFILE: 'Max open files',
  AS: 'Max address space',
  NPROC: 'Max processes',
  MEMLOCK: 'Max locked memory',
  LOCKS: 'Max file locks',
  SIGPENDING: 'Max pending signals',
  MSGQUEUE: 'Max msgqueue size',
  NICE: 'Max nice priority',
  RTPRIO: 'Max realtime priority',
  RTTIME: 'Max realtime timeout',
};

export function readOwnLimits(): OwnLimits {
  const read = (name: string) => readFileSync(`/proc/self/${name}`, 'utf8');
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(read('status')) ?? [];
  return {
    nice: getPriority(),
    oomScoreAdjust: Number(read('oom_score_adj')),
    capabilities: BigInt(`0x${effective}`),
    hard: parseHardLimits(read('limits')),
  };
}

export function parseHardLimits(text: string): OwnLimits['hard'] {
  const lines = text.split('\n');
  const entries = limitNames.flatMap((name) => {
    const line = lines.find((each) => each.startsWith(kernelNames[name]));
    const [, hard] = line?.slice(kernelNames[name].length).trim().split(/\s+/) ?? [];
    return hard === undefined ? [] : [[name, hard === 'unlimited' ? 'infinity' : hard] as const];
  });
  return Object.fromEntries(entries);
}
