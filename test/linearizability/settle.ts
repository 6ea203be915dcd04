/**
 * What the store's own history tells of the operations whose answers were lost: those that are not in it have not
 * happened, and the others did at a known revision. It makes the search short, and it cannot hide anything: a history
 * that is wrong contradicts what was answered, and what it says is checked with the rest.
 */
import type { History, Operation } from './history.ts';
import type { TxnInput, TxnOutput } from './models/transactions.ts';
import type { Change } from './watch.ts';

export interface Settled {
  history: History<TxnInput, TxnOutput>;
  /** Answers and changes that do not belong together, one sentence each. */
  problems: string[];
}

type Txn = Operation<TxnInput, TxnOutput>;

/**
 * @param changes all changes of the keys from the first revision on.
 * @param operations all that was asked; no two puts have the same value.
 */
export function settle(operations: History<TxnInput, TxnOutput>, changes: readonly Change[]): Settled {
  const writes = new Map(changes.filter(({ type }) => type === 'put').map((change) => [change.value, change]));
  const answered = operations.filter(({ outcome }) => outcome !== null);
  const lost = operations.filter(({ outcome }) => outcome === null);
  const told = new Set(answered.filter(changesSomething).map(({ outcome }) => outcome?.output.revision ?? 0));
  // A deletion carries no value that would tell whose it is.
  const deletions = new Set(
    changes.filter(({ type, revision }) => type === 'delete' && !told.has(revision)).map(({ key }) => key),
  );
  return {
    history: [...answered, ...lost.flatMap((operation) => settleOne(operation, writes, deletions))],
    problems: [...unwritten(answered, changes), ...unasked(operations, changes)],
  };
}

function settleOne(operation: Txn, writes: ReadonlyMap<string, Change>, deletions: ReadonlySet<string>): Txn[] {
  for (const succeeded of [true, false]) {
    const values = putsOf(succeeded ? operation.input.success : operation.input.failure);
    const revision = writes.get(values[0] ?? '')?.revision;
    if (revision === undefined) continue;
    // It has happened for sure, though nobody knows when.
    return [
      { ...operation, outcome: { at: Number.POSITIVE_INFINITY, output: { revision, succeeded, results: null } } },
    ];
  }
  const ops = [...operation.input.success, ...operation.input.failure];
  return ops.some(({ type, key }) => type === 'delete' && deletions.has(key)) ? [operation] : [];
}

/** What was acknowledged, and is not in the store's history at the revision that was told. */
function unwritten(answered: History<TxnInput, TxnOutput>, changes: readonly Change[]): string[] {
  const known = new Set(changes.map((change) => JSON.stringify([change.revision, change.key, change.value])));
  return answered.flatMap(({ input, outcome }) => {
    if (outcome === null) return [];
    const { revision, succeeded } = outcome.output;
    const puts = (succeeded ? input.success : input.failure).flatMap((op) => (op.type === 'put' ? [op] : []));
    return puts
      .filter(({ key, value }) => !known.has(JSON.stringify([revision, key, value])))
      .map(
        ({ key, value }) => `put ${key}=${value} was acknowledged at revision ${revision}, but is not in the history`,
      );
  });
}

/** What is in the store's history, and nobody asked for. */
function unasked(operations: History<TxnInput, TxnOutput>, changes: readonly Change[]): string[] {
  const asked = new Set(operations.flatMap(({ input }) => [...putsOf(input.success), ...putsOf(input.failure)]));
  return changes
    .filter(({ type, value }) => type === 'put' && !asked.has(value))
    .map(({ key, value, revision }) => `put ${key}=${value} at revision ${revision} was asked by nobody, or refused`);
}

function putsOf(ops: TxnInput['success']): string[] {
  return ops.flatMap((op) => (op.type === 'put' ? [op.value] : []));
}

/** A deletion that found nothing changes nothing. */
function changesSomething({ input, outcome }: Txn): boolean {
  if (outcome === null) return false;
  const { succeeded, results } = outcome.output;
  return (succeeded ? input.success : input.failure).some(
    ({ type }, index) => type === 'put' || (type === 'delete' && results?.[index] === true),
  );
}
