/** All that is said about one key space: its operations, what its watchers were told, and what the stores remember. */
import { checkLinearizable, type Evidence } from './checker.ts';
import type { History, Model, Operation } from './history.ts';
import { type LockInput, type LockOutput, lock } from './models/lock.ts';
import { type TxnInput, type TxnOutput, transactions } from './models/transactions.ts';
import { settle } from './settle.ts';
import { type Change, checkWatch, type WatchLog } from './watch.ts';

export interface KeySpaceRecord {
  operations: History<TxnInput, TxnOutput>;
  /** The whole history of these keys, as each store tells it afterwards. */
  changes: readonly { store: string; changes: readonly Change[] }[];
  watches: readonly WatchLog[];
}

/** What is wrong with it; empty: nothing. */
export function judgeKeySpace({ operations, changes, watches }: KeySpaceRecord): string[] {
  const [first, ...others] = changes;
  if (!first) throw new Error('no store was asked for its history');
  const { history, problems } = settle(operations, first.changes);
  return [
    ...problems,
    ...others.flatMap((other) => otherHistory(first, other)),
    ...watches.flatMap((watch, index) =>
      checkWatch(first.changes, watch).map((problem) => `watcher ${index + 1}: ${problem}`),
    ),
    ...judgeOrder(transactions, history),
  ];
}

export function judgeLock(operations: History<LockInput, LockOutput>): string[] {
  return judgeOrder(lock, operations);
}

function judgeOrder<State extends object, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): string[] {
  const { result, steps, evidence } = checkLinearizable(model, history);
  if (result === 'linearizable') return [];
  if (result === 'undecided') return [`undecided after ${steps} steps, ${history.length} operations`];
  return [`not linearizable: ${evidence ? describe(evidence) : ''}`];
}

const mostShown = 8;

function describe<Input, Output>({ order, stuck }: Evidence<Input, Output>): string {
  const lines = [
    `${order.length} operations have an order, the last of them`,
    ...order.slice(-mostShown).map(describeOperation),
    'after which none of these fits',
    ...stuck.slice(0, mostShown).map(describeOperation),
  ];
  return lines.join('\n  ');
}

function describeOperation({ process, call, input, outcome }: Operation<unknown, unknown>): string {
  const answer = outcome ? `${JSON.stringify(outcome.output)} at ${outcome.at.toFixed(1)}` : 'no answer';
  return `client ${process} at ${call.toFixed(1)} ms: ${JSON.stringify(input)} -> ${answer}`;
}

type Told = KeySpaceRecord['changes'][number];

function otherHistory(first: Told, other: Told): string[] {
  const length = Math.max(first.changes.length, other.changes.length);
  const at = Array.from({ length }).findIndex((_, index) => !isSame(first.changes[index], other.changes[index]));
  if (at === -1) return [];
  const [here, there] = [describeChange(first.changes[at]), describeChange(other.changes[at])];
  return [`${other.store} tells another history than ${first.store}: change ${at + 1} is ${there}, not ${here}`];
}

function isSame(a: Change | undefined, b: Change | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function describeChange(change: Change | undefined): string {
  return change ? JSON.stringify(change) : 'missing, as all that follows';
}
