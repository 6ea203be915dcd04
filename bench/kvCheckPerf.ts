import { execFile } from 'node:child_process';
import { besideEtcd, type KvPair, onPair, type Side } from './support/kvPair.ts';
import type { Row } from './support/report.ts';

const loads = ['s', 'm', 'l'] as const;

/** etcd's own judgement: `etcdctl check perf`, a minute for each load and side. The short form leaves it out. */
export async function run({ quick }: { quick: boolean }): Promise<Row[]> {
  if (quick) return [];
  return onPair(async (pair) => {
    const rows: Row[] = [];
    for (const load of loads) rows.push(await checkBoth(pair, load));
    return rows;
  });
}

async function checkBoth({ flotilla, etcd }: KvPair, load: (typeof loads)[number]): Promise<Row> {
  const [ours, theirs] = [await checkPerf(flotilla, load), await checkPerf(etcd, load)];
  const goal =
    load === 'l'
      ? { text: `≥ etcd (${wordsFor(ours)}; etcd ${wordsFor(theirs)})`, met: ours.rate >= theirs.rate }
      : { text: `passes (${wordsFor(ours)}; etcd ${wordsFor(theirs)})`, met: ours.passes };
  return besideEtcd(`etcdctl check perf --load=${load}`, 'writes/s', { flotilla: ours.rate, etcd: theirs.rate }, goal);
}

interface Perf {
  rate: number;
  slowestS: number;
  passes: boolean;
}

function wordsFor({ passes, slowestS }: Perf): string {
  return `${passes ? 'passes' : 'fails'}, slowest ${slowestS.toFixed(2)} s`;
}

function checkPerf({ address }: Side, load: string): Promise<Perf> {
  const args = ['--endpoints', address, 'check', 'perf', '--load', load];
  return new Promise((resolve, reject) => {
    execFile(
      'etcdctl',
      args,
      { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 180_000 },
      (error, stdout, stderr) => {
        const rate = /[Tt]hroughput (?:is|too low:) (\d+)/.exec(stdout)?.[1];
        const slowest = /(?:took|too slow:)\D*([\d.]+)s/.exec(stdout)?.[1];
        if (rate === undefined) reject(new Error(`etcdctl check perf: ${stdout}${stderr}`, { cause: error }));
        else resolve({ rate: Number(rate), slowestS: Number(slowest), passes: /^PASS$/m.test(stdout) });
      },
    );
  });
}
