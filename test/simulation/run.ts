import { delay } from '../../shared/clock/clock.ts';
import { judgeKeySpace } from '../linearizability/judge.ts';
import type { KvClient } from '../linearizability/record/kvClient.ts';
import { createRandom } from '../linearizability/record/random.ts';
import { type RoundRecord, recordRound } from '../linearizability/record/round.ts';
import { createServiceClient } from '../linearizability/record/serviceClient.ts';
import type { Counts } from './coverage.ts';
import { unsettled } from './quiet.ts';
import { isFault, type Schedule } from './schedule.ts';
import { type Violation, World } from './world.ts';

export interface RunResult {
  violations: Violation[];
  /** Of everything that could be seen. */
  hash: string;
  simulatedMs: number;
  commits: number;
  faults: number;
  coverage: Counts;
  world: World;
}

/** How long a cluster may take until everything is as it should be. */
const patienceMs = 90_000;
/** So long it must stay so. */
const calmMs = 5_000;
const stepMs = 250;
/** Clients of the stores rest longer than in a test of stores alone: there is more to see in a longer day. */
const slower = 20;

/** Plays a schedule to its end, or to the first thing that must not happen. One at a time in a process. */
export async function runSchedule(schedule: Schedule): Promise<RunResult> {
  const world = new World(schedule);
  // Of what nobody waits for: a real process would end of it.
  const died = (error: unknown) => world.violate('no process dies of an error', String(error));
  for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, died);
  try {
    return await play(world, schedule);
  } finally {
    for (const event of ['unhandledRejection', 'uncaughtException']) process.off(event, died);
  }
}

async function play(world: World, schedule: Schedule): Promise<RunResult> {
  const { clock, violations } = world;
  const isFailed = () => violations.length > 0;
  const stop = new AbortController();
  const keys = schedule.stores > 0 ? recordKeys(world, schedule, stop.signal) : null;
  for (const action of schedule.actions) {
    await clock.advance(Math.max(0, action.atMs - clock.monotonicNow()));
    if (isFailed()) break;
    if (isFault(action)) world.strike(action);
    else world.perform(action);
  }
  if (!isFailed()) await clock.advance(Math.max(0, schedule.endMs - clock.monotonicNow()));
  if (!isFailed()) await settle(world);
  stop.abort();
  if (keys && !isFailed()) await judgeKeys(world, keys);
  if (!isFailed()) world.audit.replay();
  const simulatedMs = clock.monotonicNow();
  world.end();
  await clock.advance(0);
  const faults = schedule.actions.filter(isFault).length;
  const [commits, coverage] = [world.audit.records.length, world.coverage.counts];
  return { violations, hash: world.trace.hash(), simulatedMs, commits, faults, coverage, world };
}

async function settle(world: World): Promise<void> {
  const { clock, machines, audit, clients, violations } = world;
  world.heal();
  const deadline = clock.monotonicNow() + patienceMs;
  let calmSince: number | null = null;
  for (;;) {
    await clock.advance(stepMs);
    if (violations.length > 0) return;
    const now = clock.monotonicNow();
    const problems = unsettled(audit.state, machines);
    if (clients.some(({ waiting }) => waiting > 0)) problems.push('somebody waits for an answer');
    if (problems.length > 0) calmSince = null;
    else calmSince ??= now;
    if (calmSince !== null && now - calmSince >= calmMs) break;
    if (now > deadline) return world.violate('every launched unit runs where the log says', problems.join('; '));
  }
  for (const client of clients) await Promise.all([client.perform({ do: 'status', client: 0 }), clock.advance(1_500)]);
}

function recordKeys(world: World, { seed, stores }: Schedule, signal: AbortSignal): Promise<RoundRecord> {
  const { clock } = world;
  const client = (number: number): KvClient => {
    const name = `store-${number}`;
    return createServiceClient(name, () => world.stores.get(name) ?? null);
  };
  const others = Array.from({ length: stores - 1 }, (_, i) => client(i + 2));
  return recordRound({
    ...{ name: 'simulated', keySpaces: 1, clientsEach: 3, clients: [client(1), ...others], lockClients: [] },
    time: { now: () => clock.monotonicNow(), sleep: (ms, until) => delay(clock, Math.max(1, ms * slower), until) },
    ...{ random: createRandom(seed ^ 0x5eed), signal },
  });
}

async function judgeKeys(world: World, recording: Promise<RoundRecord>): Promise<void> {
  const { clock } = world;
  let record: RoundRecord | null = null;
  recording.then(
    (done) => {
      record = done;
    },
    (error) => world.violate('stores come back', String(error)),
  );
  for (let left = patienceMs; left > 0 && record === null && world.violations.length === 0; left -= stepMs)
    await clock.advance(stepMs);
  if (record === null) return;
  const { keySpaces } = record as RoundRecord;
  for (const operation of keySpaces.flatMap(({ operations }) => operations))
    world.trace.add(operation.call, `kv ${JSON.stringify(operation)}`);
  for (const problem of keySpaces.flatMap(judgeKeySpace))
    world.violate('key/value histories are linearizable', problem);
}
