/**
 * A few keys that transactions read and write together, with etcd's revisions (api-v3, "Revisions"): every change has
 * one of its own, larger than all before, also than those that reads have told of. Others may write other keys of the
 * same store, so revisions may be left out.
 */
import type { Model } from '../history.ts';

/** A single put, get or delete is a transaction that compares nothing. */
export interface TxnInput {
  compare: { key: string; value: string | null }[];
  success: KeyOp[];
  failure: KeyOp[];
}

export type KeyOp =
  | { type: 'get'; key: string }
  | { type: 'delete'; key: string }
  | { type: 'put'; key: string; value: string };

export interface TxnOutput {
  /** Of the store, as the answer's header says. */
  revision: number;
  succeeded: boolean;
  /**
   * One for each operation of the branch: what a get found; whether a delete found something; true for a put. Null where
   * nobody was told, but it is known all the same that it happened.
   */
  results: (Versioned | null | boolean)[] | null;
}

/** A revision is null where an answer is missing that would have told it. */
export interface Versioned {
  value: string;
  version: number;
  createRevision: number | null;
  modRevision: number | null;
}

interface Keys {
  /** The highest that was told of so far. */
  revision: number;
  values: ReadonlyMap<string, Versioned>;
}

export const transactions: Model<Keys, TxnInput, TxnOutput> = {
  initial: { revision: 1, values: new Map() },
  keyOf: ({ revision, values }) => JSON.stringify([revision, [...values].sort(([a], [b]) => (a < b ? -1 : 1))]),
  step(before, input, outcome) {
    const { succeeded, results, changed, values } = run(before.values, input, outcome?.output.revision ?? null);
    // Without an answer and without an effect it may as well have its place later, or never.
    if (outcome === null) return changed ? { revision: before.revision, values } : null;
    const { output } = outcome;
    const isPossible =
      output.succeeded === succeeded &&
      (changed ? output.revision > before.revision : output.revision >= before.revision) &&
      (output.results === null || allAgree(results, output.results));
    return isPossible ? { revision: output.revision, values } : null;
  },
};

type Result = Versioned | null | boolean;

interface Run {
  succeeded: boolean;
  results: Result[];
  changed: boolean;
  values: ReadonlyMap<string, Versioned>;
}

/** @param revision of what it changes. */
function run(before: ReadonlyMap<string, Versioned>, input: TxnInput, revision: number | null): Run {
  const succeeded = input.compare.every(({ key, value }) => (before.get(key)?.value ?? null) === value);
  const branch = succeeded ? input.success : input.failure;
  const values = new Map(before);
  const results = branch.map((op) => apply(values, op, revision));
  const changed = branch.some(({ type }, index) => type === 'put' || (type === 'delete' && results[index] === true));
  return { succeeded, results, changed, values };
}

function apply(values: Map<string, Versioned>, op: KeyOp, modRevision: number | null): Result {
  const found = values.get(op.key) ?? null;
  if (op.type === 'get') return found;
  if (op.type === 'delete') return values.delete(op.key);
  const createRevision = found ? found.createRevision : modRevision;
  values.set(op.key, { value: op.value, version: (found?.version ?? 0) + 1, createRevision, modRevision });
  return true;
}

function allAgree(expected: readonly Result[], told: readonly Result[]): boolean {
  return expected.length === told.length && expected.every((result, index) => agrees(result, told[index]));
}

function agrees(expected: Result, told: Result | undefined): boolean {
  if (typeof expected !== 'object' || expected === null) return expected === told;
  if (typeof told !== 'object' || told === null) return false;
  const sameRevision = (a: number | null, b: number | null) => a === null || a === b;
  return (
    expected.value === told.value &&
    expected.version === told.version &&
    sameRevision(expected.createRevision, told.createRevision) &&
    sameRevision(expected.modRevision, told.modRevision)
  );
}
