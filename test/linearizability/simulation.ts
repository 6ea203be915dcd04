/**
 * Stores on the twins of everything around them, in simulated time: seconds of crashes and cuts pass in milliseconds,
 * and a seed makes them happen again. What the stores depend on may be broken, to see that the checker finds it.
 */
import type { TestContext } from 'node:test';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { MemoryStores, type RunningStore } from '../support/memoryStores.ts';
import { judgeKeySpace } from './judge.ts';
import type { KvClient } from './record/kvClient.ts';
import { createRandom, type Random } from './record/random.ts';
import { recordRound } from './record/round.ts';
import { createServiceClient, type Serving } from './record/serviceClient.ts';

export interface SimulationOptions {
  seed: number;
  /** Of simulated time. */
  roundMs: number;
  keySpaces?: number;
  clientsEach?: number;
  /** Breaks what the stores rely on. */
  breakLog?: (log: EventLog) => EventLog;
  breakFence?: (fence: EventLog) => EventLog;
}

export interface SimulationReport {
  histories: number;
  operations: number;
  lost: number;
  faults: number;
  violations: string[];
}

const names = ['a', 'b', 'c'] as const;
type Name = (typeof names)[number];

export async function simulate(t: TestContext, options: SimulationOptions): Promise<SimulationReport> {
  const { seed, roundMs, keySpaces = 2, clientsEach = 6, breakLog = asItIs, breakFence = asItIs } = options;
  const random = createRandom(seed);
  const stores = new MemoryStores(t, {
    wrapLog: (log) => breakLog(distant(log, stores.clock, random.fork())),
    wrapFence: (fence) => breakFence(distant(fence, stores.clock, random.fork())),
  });
  const world: World = { stores, running: new Map(), faults: 0 };
  for (const name of names) await launch(world, name);
  const stop = new AbortController();
  const troubled = trouble(world, random.fork(), roundMs).then(() => stop.abort());
  const { clock } = stores;
  const recorded = recordRound({
    ...{ name: 'simulated', keySpaces, clientsEach, lockClients: [], clients: clientsOf(world) },
    time: { now: () => clock.monotonicNow(), sleep: (ms, signal) => delay(clock, ms, signal) },
    ...{ random: random.fork(), signal: stop.signal },
  });
  const record = await stores.resolve(recorded, 100);
  await troubled;
  const operations = record.keySpaces.flatMap((space) => space.operations);
  return {
    histories: record.keySpaces.length,
    operations: operations.length,
    lost: operations.filter(({ outcome }) => outcome === null).length,
    faults: world.faults,
    violations: record.keySpaces.flatMap(judgeKeySpace),
  };
}

interface World {
  stores: MemoryStores;
  running: Map<Name, RunningStore>;
  faults: number;
}

const restartMs = 1_000;

/** Starts a store, and starts it again whenever it has ended, as whoever supervises it would. */
async function launch(world: World, name: Name): Promise<void> {
  const { stores, running } = world;
  const store = await stores.start(name);
  running.set(name, store);
  void store.ended.then(async () => {
    await delay(stores.clock, restartMs);
    await launch(world, name);
  });
}

function clientsOf({ running }: World): [KvClient, ...KvClient[]] {
  const client = (name: Name) => createServiceClient(name, () => servingOf(running.get(name)));
  const [first, ...others] = names;
  return [client(first), ...others.map(client)];
}

function servingOf(store: RunningStore | undefined): Serving | null {
  if (!store || !['following', 'leading'].includes(store.state)) return null;
  return { service: store.service, ended: store.ended };
}

/** Crashes, isolates and cuts off one store after the other; in the end all are there and connected. */
async function trouble(world: World, random: Random, ms: number): Promise<void> {
  const { clock } = world.stores;
  const end = clock.monotonicNow() + ms;
  while (clock.monotonicNow() < end) {
    await delay(clock, 500 + random.integer(2_000));
    await strike(world, random);
    world.faults++;
  }
}

async function strike({ stores, running }: World, random: Random): Promise<void> {
  // Mostly the leader: what befalls the others is no trouble.
  const leading = names.filter((name) => running.get(name)?.state === 'leading');
  const [first, ...others] = random.chance(0.8) && leading.length > 0 ? leading : names;
  const store = running.get(random.pick<Name>([first ?? 'a', ...others]));
  if (!store) return;
  const kind = random.pick(['crash', 'isolate', 'bus', 'log']);
  if (kind === 'crash' || kind === 'isolate') store.isolate();
  if (kind === 'crash') store.stop();
  if (kind === 'bus') store.bus.disconnect();
  if (kind === 'log') store.log.setConnected(false);
  await delay(stores.clock, 1_000 + random.integer(3_000));
  if (kind !== 'crash') store.reconnect();
}

const mostDistanceMs = 4;

/** A log to which, and from which, every message takes its time. */
function distant(log: EventLog, clock: Clock, random: Random): EventLog {
  const travel = () => delay(clock, random.integer(mostDistanceMs));
  return {
    append: async (message) => {
      await travel();
      const stored = await log.append(message);
      await travel();
      return stored;
    },
    last: async (subject) => {
      await travel();
      return log.last(subject);
    },
    bounds: async () => {
      await travel();
      return log.bounds();
    },
    tail: async function* (options) {
      for await (const record of log.tail(options)) {
        await travel();
        yield record;
      }
    },
  };
}

function asItIs(log: EventLog): EventLog {
  return log;
}
