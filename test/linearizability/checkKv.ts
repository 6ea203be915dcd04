/** The whole check against real stores: rounds of recording under faults, each judged when it is over. */
import { delay } from '../../shared/clock/clock.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { createEtcdClient } from '../support/etcdClient.ts';
import { type KvCluster, startKvCluster } from '../support/kvCluster.ts';
import type { CleanUp } from '../support/nats.ts';
import { judgeKeySpace, judgeLock } from './judge.ts';
import { createEtcdKvClient, createEtcdLockClient } from './record/etcdClient.ts';
import { findLeader, strikeUntil } from './record/faults.ts';
import type { KvClient, LockClient } from './record/kvClient.ts';
import { createNativeKvClient } from './record/nativeClient.ts';
import { createRandom, type Random } from './record/random.ts';
import { type RoundRecord, recordRound } from './record/round.ts';

export interface CheckOptions {
  seed: number;
  rounds: number;
  roundMs: number;
  progress: (line: string) => void;
}

export interface CheckReport {
  /** Key spaces and locks. */
  histories: number;
  operations: number;
  /** Of them, those whose answer was lost. */
  lost: number;
  grants: number;
  watchers: number;
  /** What the watchers were told, and how often they took up again. */
  changesTold: number;
  resumed: number;
  faults: Map<string, number>;
  violations: string[];
}

const stores = 3;
const keySpaces = 4;
const clientsEach = 5;

export async function checkKv(t: CleanUp, options: CheckOptions): Promise<CheckReport> {
  const { seed, rounds, progress } = options;
  const random = createRandom(seed);
  const cluster = await startKvCluster(t, { stores });
  await findLeader(cluster);
  const clients = await clientsOf(cluster);
  t.after(async () => {
    await Promise.all([...clients.kv, ...clients.locks].map((client) => client.close()));
  });
  const report = emptyReport();
  for (let round = 1; round <= rounds; round++) {
    const known = report.violations.length;
    add(report, await runRound({ ...options, cluster, clients, random: random.fork() }, round, report));
    for (const violation of report.violations.slice(known)) progress(`violation: ${violation}`);
    progress(`round ${round} of ${rounds}, seed ${seed}: ${describeReport(report)}`);
  }
  return report;
}

interface Clients {
  kv: [KvClient, ...KvClient[]];
  locks: (LockClient & { close(): Promise<void> })[];
}

async function clientsOf({ nats, stores }: KvCluster): Promise<Clients> {
  const [first, ...others] = stores.map(({ name, port }) => createEtcdKvClient(name, `127.0.0.1:${port}`));
  if (!first) throw new Error('a cluster has stores');
  const locks = stores.map(({ port }) => {
    const client = createEtcdClient(`127.0.0.1:${port}`);
    return { ...createEtcdLockClient(client), close: async () => client.close() };
  });
  return { kv: [first, ...others, await createNativeKvClient(nats)], locks };
}

async function runRound(
  { cluster, clients, random, roundMs }: CheckOptions & { cluster: KvCluster; clients: Clients; random: Random },
  round: number,
  { faults }: CheckReport,
): Promise<RoundRecord> {
  const end = AbortSignal.timeout(roundMs);
  const struck = strikeUntil(cluster, {
    random: random.fork(),
    signal: end,
    from: [...faults.values()].reduce((sum, count) => sum + count, 0),
  });
  // The clients go on until the last fault is over.
  const stop = new AbortController();
  void struck.finally(() => stop.abort());
  const time = {
    now: () => performance.now(),
    sleep: (ms: number, signal?: AbortSignal) => delay(systemClock, ms, signal),
  };
  const record = await recordRound({
    ...{ name: `round-${round}`, clients: clients.kv, lockClients: clients.locks, keySpaces, clientsEach },
    ...{ time, random: random.fork(), signal: stop.signal },
  });
  for (const [name, count] of await struck) faults.set(name, (faults.get(name) ?? 0) + count);
  return record;
}

function emptyReport(): CheckReport {
  const counts = { histories: 0, operations: 0, lost: 0, grants: 0, watchers: 0, changesTold: 0, resumed: 0 };
  return { ...counts, faults: new Map(), violations: [] };
}

function add(report: CheckReport, { keySpaces, locks, resumed }: RoundRecord): void {
  report.resumed += resumed;
  for (const space of keySpaces) {
    report.histories++;
    report.operations += space.operations.length;
    report.lost += space.operations.filter(({ outcome }) => outcome === null).length;
    report.watchers += space.watches.length;
    report.changesTold += space.watches.reduce((sum, { messages }) => sum + messages.flat().length, 0);
    report.violations.push(...judgeKeySpace(space));
  }
  for (const operations of locks) {
    const asked = operations.filter(({ input }) => input.type !== 'expire');
    report.histories++;
    report.operations += asked.length;
    report.lost += asked.filter(({ outcome }) => outcome === null).length;
    report.grants += asked.filter(({ input, outcome }) => input.type === 'acquire' && outcome !== null).length;
    report.violations.push(...judgeLock(operations));
  }
}

export function describeReport(report: CheckReport): string {
  const { histories, operations, lost, grants, watchers, changesTold, resumed, violations } = report;
  const faults = [...report.faults].map(([name, count]) => `${count} × ${name}`).join(', ');
  return (
    `${histories} histories, ${operations} operations (${lost} answers lost), ${grants} lock grants, ` +
    `${watchers} watchers told ${changesTold} changes (taken up again ${resumed} times); ${faults}; ` +
    `${violations.length} violations`
  );
}
