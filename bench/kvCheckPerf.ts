import { execFile } from 'node:child_process';
import { besideEtcd, type KvPair, onPair, type Side } from './support/kvPair.ts';
import { cpuMs } from './support/processUsage.ts';
import type { Row } from './support/report.ts';

const loads = ['s', 'm', 'l'] as const;

/**
 * Minutes of each load and side, which take turns. The large load is there to compare both, and what it prints differs by
 * some percent from minute to minute; the others pass or fail.
 */
const turns = { s: 1, m: 1, l: 4 } as const;

/** etcd's own judgement: `etcdctl check perf`. The short form leaves it out. */
export async function run({ quick }: { quick: boolean }): Promise<Row[]> {
  if (quick) return [];
  return onPair(async (pair) => {
    const rows: Row[] = [];
    for (const load of loads) rows.push(...(await checkBoth(pair, load)));
    return rows;
  });
}

async function checkBoth({ flotilla, etcd, cluster }: KvPair, load: (typeof loads)[number]): Promise<Row[]> {
  const both: { ours: Perf[]; theirs: Perf[] } = { ours: [], theirs: [] };
  for (let turn = 0; turn < turns[load]; turn++) {
    // What etcd does in one process, a store and the log's server do in two.
    both.ours.push(await checkPerf(flotilla, load, [flotilla.pid, cluster.nats.pid]));
    both.theirs.push(await checkPerf(etcd, load, [etcd.pid]));
  }
  const [ours, theirs] = [together(both.ours), together(both.theirs)];
  const goal =
    load === 'l'
      ? { text: `≥ etcd (${wordsFor(ours)}; etcd ${wordsFor(theirs)})`, met: ours.rate >= theirs.rate }
      : { text: `passes (${wordsFor(ours)}; etcd ${wordsFor(theirs)})`, met: ours.passes };
  const rates = { flotilla: ours.rate, etcd: theirs.rate };
  const [store = 0, nats = 0] = ours.cpuUs;
  const [etcdAlone = 0] = theirs.cpuUs;
  const cpu = { flotilla: store + nats, etcd: etcdAlone };
  const parts = `store ${store.toFixed(0)} µs, nats-server ${nats.toFixed(0)} µs`;
  return [
    besideEtcd(`etcdctl check perf --load=${load}`, 'writes/s', rates, goal),
    besideEtcd(`the same, CPU of the servers on a write (${parts})`, 'µs', cpu),
  ];
}

interface Perf {
  rate: number;
  slowestS: number;
  passes: boolean;
  /** CPU time of each of the server's processes, µs a write. */
  cpuUs: number[];
}

/** `check perf` writes for so long, s. */
const durationS = 60;

/** Of all turns: what they did on average, and the slowest request of them all. */
function together(perfs: readonly Perf[]): Perf {
  const mean = (of: (perf: Perf) => number) => perfs.reduce((sum, perf) => sum + of(perf), 0) / perfs.length;
  return {
    rate: mean(({ rate }) => rate),
    slowestS: Math.max(...perfs.map(({ slowestS }) => slowestS)),
    passes: perfs.every(({ passes }) => passes),
    cpuUs: perfs[0]?.cpuUs.map((_, index) => mean(({ cpuUs }) => cpuUs[index] ?? 0)) ?? [],
  };
}

function wordsFor({ passes, slowestS }: Perf): string {
  return `${passes ? 'passes' : 'fails'}, slowest ${slowestS.toFixed(2)} s`;
}

async function checkPerf({ address }: Side, load: string, pids: readonly number[]): Promise<Perf> {
  const before = await Promise.all(pids.map(cpuMs));
  // Without the compaction the history of four turns is more than the store's quota.
  const output = await etcdctl('--endpoints', address, 'check', 'perf', '--load', load, '--auto-compact');
  const rate = Number(/[Tt]hroughput (?:is|too low:) (\d+)/.exec(output)?.[1]);
  if (Number.isNaN(rate)) throw new Error(`etcdctl check perf: ${output}`);
  const after = await Promise.all(pids.map(cpuMs));
  return {
    rate,
    slowestS: Number(/(?:took|too slow:)\D*([\d.]+)s/.exec(output)?.[1]),
    passes: /^PASS$/m.test(output),
    cpuUs: after.map((ms, index) => (1_000 * (ms - (before[index] ?? 0))) / (rate * durationS)),
  };
}

/** What it prints; that it fails says what it prints, too. */
function etcdctl(...args: string[]): Promise<string> {
  const options = { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 180_000 };
  return new Promise((resolve) => {
    execFile('etcdctl', args, options, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}
