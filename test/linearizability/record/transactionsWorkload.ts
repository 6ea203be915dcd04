/** Clients that read and write a few keys together, as fast as they are answered, until they are told to stop. */
import type { KeyOp, TxnInput, TxnOutput } from '../models/transactions.ts';
import type { Answer, KvClient } from './kvClient.ts';
import type { Random } from './random.ts';
import type { Recorder } from './recorder.ts';

export interface TransactionsOptions {
  /** All keys of this history begin with it. */
  prefix: string;
  process: number;
  clients: readonly [KvClient, ...KvClient[]];
  recorder: Recorder<TxnInput, TxnOutput>;
  random: Random;
  signal: AbortSignal;
  /** Between two operations, ms: what bounds the number of operations, and with it the search. */
  pause: () => Promise<void>;
}

/** Few, so that clients meet. */
const names = ['a', 'b', 'c'] as const;

/** One client; several of them make a history. After a lost answer it goes on under another number, at another store. */
export async function runTransactions(options: TransactionsOptions): Promise<void> {
  const { recorder, random, clients, signal, pause } = options;
  const inputs = createInputs(options);
  let { process } = options;
  let client = random.pick(clients);
  while (!signal.aborted) {
    const input = inputs.next();
    const chosen = client;
    const answer = await recorder.run(process, input, () => chosen.txn(input));
    inputs.learn(input, answer);
    if (answer.kind === 'unknown') process += 1_000;
    if (answer.kind !== 'done') client = random.pick(clients);
    await pause();
  }
}

export function hasEffect({ success, failure }: TxnInput): boolean {
  return [...success, ...failure].some(({ type }) => type !== 'get');
}

/** Of the clients, who only reads: a store that takes no writes any more may still answer those. */
function isReader(process: number): boolean {
  return process % 3 === 2;
}

interface Inputs {
  next(): TxnInput;
  /** What it is told lets its comparisons come true now and then. */
  learn(input: TxnInput, answer: Answer<TxnOutput>): void;
}

function createInputs({ prefix, process, random }: TransactionsOptions): Inputs {
  const known = new Map<string, string | null>();
  let count = 0;
  const key = () => prefix + random.pick(names);
  const put = (): KeyOp => ({ type: 'put', key: key(), value: `${prefix}${process}.${++count}` });
  const single = (): KeyOp => {
    const draw = random.integer(20);
    if (draw < 9) return { type: 'get', key: key() };
    return draw < 19 ? put() : { type: 'delete', key: key() };
  };
  return {
    next() {
      if (isReader(process)) return plain([{ type: 'get', key: key() }]);
      const draw = random.integer(10);
      if (draw < 6) return plain([single()]);
      if (draw < 8) return compareAndSet(key(), known, put);
      return draw < 9 ? plain(names.map((name) => ({ type: 'get', key: prefix + name }))) : putTogether(prefix, put);
    },
    learn(input, answer) {
      if (answer.kind !== 'done') return;
      const { succeeded, results } = answer.output;
      for (const [index, op] of (succeeded ? input.success : input.failure).entries()) {
        const result = results?.[index];
        if (op.type === 'get') known.set(op.key, result && typeof result === 'object' ? result.value : null);
        else known.set(op.key, op.type === 'put' ? op.value : null);
      }
    },
  };
}

function plain(success: KeyOp[]): TxnInput {
  return { compare: [], success, failure: [] };
}

function compareAndSet(key: string, known: ReadonlyMap<string, string | null>, put: () => KeyOp): TxnInput {
  return {
    compare: [{ key, value: known.get(key) ?? null }],
    success: [{ ...put(), key }],
    failure: [{ type: 'get', key }],
  };
}

/** Two keys in one revision, which nobody may ever see apart. */
function putTogether(prefix: string, put: () => KeyOp): TxnInput {
  const [first, second] = [put(), put()];
  return plain([
    { ...first, key: `${prefix}a` },
    { ...second, key: `${prefix}b` },
    { type: 'get', key: `${prefix}a` },
  ]);
}
