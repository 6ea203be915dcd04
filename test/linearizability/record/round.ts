/** One round of recording: key spaces, each with clients and watchers of its own, and locks, all at the same time. */
import type { Operation } from '../history.ts';
import type { KeySpaceRecord } from '../judge.ts';
import type { LockInput, LockOutput } from '../models/lock.ts';
import type { TxnInput, TxnOutput } from '../models/transactions.ts';
import type { Change } from '../watch.ts';
import type { KvClient, LockClient } from './kvClient.ts';
import { contend } from './lockWorkload.ts';
import type { Random } from './random.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { hasEffect, runTransactions } from './transactionsWorkload.ts';
import { startWatcher, type Watcher } from './watcher.ts';

export interface RoundOptions {
  /** Begins the names of all keys and locks of the round. */
  name: string;
  clients: readonly [KvClient, ...KvClient[]];
  lockClients: readonly LockClient[];
  keySpaces: number;
  clientsEach: number;
  time: RoundTime;
  random: Random;
  /** Aborts when the clients are to stop. */
  signal: AbortSignal;
}

/** Time as the clients see it, real or simulated. */
export interface RoundTime {
  /** Monotonic, ms. */
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface RoundRecord {
  keySpaces: KeySpaceRecord[];
  locks: Operation<LockInput, LockOutput>[][];
  /** How often a watcher had to take up again. */
  resumed: number;
}

const meanPauseMs = 20;
/** A watcher begins late, and wants to know what was before. */
const lateMs = 2_000;
/** So long may a store that is whole again take to say everything. */
const patienceMs = 30_000;

/** Records until the signal aborts; what follows needs stores that are whole again. */
export async function recordRound(options: RoundOptions): Promise<RoundRecord> {
  const { keySpaces, name, random } = options;
  const numbers = Array.from({ length: keySpaces }, (_, index) => index);
  const [locks, spaces] = await Promise.all([
    recordLock(options, random.fork()),
    Promise.all(numbers.map((number) => recordKeySpace(options, `${name}/${number}/`, random.fork()))),
  ]);
  return {
    keySpaces: spaces.map(({ record }) => record),
    locks,
    resumed: spaces.reduce((sum, { resumed }) => sum + resumed, 0),
  };
}

async function recordKeySpace(
  options: RoundOptions,
  prefix: string,
  random: Random,
): Promise<{ record: KeySpaceRecord; resumed: number }> {
  const { clients, clientsEach, signal, time } = options;
  const recorder = createRecorder<TxnInput, TxnOutput>({ now: time.now, hasEffect });
  const pause = pauses(time, random.fork());
  const watchers = [watchFrom(options, prefix, random.fork(), 1)];
  const late = time.sleep(lateMs).then(() => {
    const seen = watchers[0]?.messages.at(-1)?.at(-1)?.revision ?? 1;
    watchers.push(watchFrom(options, prefix, random.fork(), Math.max(1, seen - 5)));
  });
  const working = Array.from({ length: clientsEach }, (_, process) =>
    runTransactions({ prefix, process, clients, recorder, random: random.fork(), signal, pause }),
  );
  await Promise.all([late, ...working]);
  const last = await writeLast(options, prefix, recorder);
  await within(time, Promise.all(watchers.map((watcher) => watcher.reached(last))));
  for (const watcher of watchers) watcher.stop();
  const changes = await Promise.all(clients.map((client) => readHistory(options, client, prefix, last)));
  return {
    record: { operations: recorder.operations, changes, watches: watchers.map((watcher) => watcher.log(last)) },
    resumed: watchers.reduce((sum, { resumed }) => sum + resumed, 0),
  };
}

function watchFrom({ clients, time }: RoundOptions, prefix: string, random: Random, startRevision: number): Watcher {
  return startWatcher({ clients, random, prefix, startRevision, pause: pauses(time, random.fork()) });
}

/**
 * Ends the history: what has its revision after this one (a write whose client has given up on it may) is after
 * everything that was recorded, and left out of what is compared.
 */
async function writeLast(
  { clients: [client], time }: RoundOptions,
  prefix: string,
  recorder: Recorder<TxnInput, TxnOutput>,
): Promise<number> {
  const deadline = time.now() + patienceMs;
  for (let count = 1; ; count++) {
    const put = { type: 'put' as const, key: `${prefix}end`, value: `${prefix}end.${count}` };
    const input = { compare: [], success: [put], failure: [] };
    // Another number for each: after a lost answer the client is another one.
    const answer = await recorder.run(-count, input, () => client.txn(input));
    if (answer.kind === 'done') return answer.output.revision;
    if (time.now() > deadline) throw new Error(`the stores do not come back: ${answer.why}`);
    await time.sleep(meanPauseMs);
  }
}

/** The whole history of these keys, as one store tells it, however often it has to be asked. */
async function readHistory(
  { time, random }: RoundOptions,
  client: KvClient,
  prefix: string,
  last: number,
): Promise<{ store: string; changes: Change[] }> {
  const sleep = () => time.sleep(meanPauseMs);
  const watcher = startWatcher({ clients: [client], random, prefix, startRevision: 1, pause: sleep });
  await within(time, watcher.reached(last));
  watcher.stop();
  return { store: client.name, changes: watcher.log(last).messages.flat() };
}

/** What is missing after that time is found when it is judged. */
async function within(time: RoundTime, wanted: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  await Promise.race([wanted, time.sleep(patienceMs, done.signal)]);
  done.abort();
}

async function recordLock(options: RoundOptions, random: Random): Promise<RoundRecord['locks']> {
  const { lockClients, clientsEach, name, signal, time } = options;
  const [first, ...others] = lockClients;
  if (!first) return [];
  const { now } = time;
  const recorder = createRecorder<LockInput, LockOutput>({ now, hasEffect: () => true });
  const contenders = Array.from({ length: clientsEach }, (_, process) => {
    const own = random.fork();
    const pause = pauses(time, own.fork());
    return contend({
      name: `lock-${name}`,
      process,
      clients: [first, ...others],
      recorder,
      now,
      random: own,
      signal,
      pause,
    });
  });
  await Promise.all(contenders);
  return [recorder.operations];
}

function pauses(time: RoundTime, random: Random): () => Promise<void> {
  return () => time.sleep(random.integer(2 * meanPauseMs));
}
