import type {
  Bytes,
  DeleteRangeRequest,
  KeyRange,
  KvError,
  PutRequest,
  RequestOp,
  TxnRequest,
} from '../../../shared/domain/kv.ts';
import { containsKey, isOpenEnded, toInterval } from './interval.ts';

const duplicate: KvError = { code: 'duplicate-key' };

/** What the branches looked at so far write. */
interface Writes {
  /** By key; a branch and its alternative may both put one. */
  puts: Map<Bytes, PutRequest>;
  deletes: DeleteRangeRequest[];
}

/**
 * Refuses a transaction that puts one key twice, or puts a key that it deletes. The rule is etcd's to the letter: a delete in
 * a nested transaction *behind* the one with the put is no conflict (the key is put and deleted, in that order), and neither
 * is a delete without an end.
 */
export function checkDuplicates(txn: TxnRequest): KvError | null {
  return writesOf(txn.success) !== null && writesOf(txn.failure) !== null ? null : duplicate;
}

/** Null: a conflict. */
function writesOf(branch: readonly RequestOp[]): Writes | null {
  const writes: Writes = { puts: new Map(), deletes: branch.filter((op) => op.type === 'DeleteRange') };
  for (const op of branch) {
    if (op.type === 'Txn' && !addNested(writes, op)) return null;
  }
  for (const op of branch) {
    if (op.type === 'Put' && !addPut(writes, op)) return null;
  }
  return writes;
}

function addNested(writes: Writes, txn: TxnRequest): boolean {
  const success = writesOf(txn.success);
  const failure = writesOf(txn.failure);
  if (success === null || failure === null) return false;
  for (const put of success.puts.values()) if (!addPut(writes, put)) return false;
  for (const put of failure.puts.values()) {
    // Only one of the two branches will run.
    const shared = success.puts.has(put.key);
    if (shared ? isDeleted(writes, put) : !addPut(writes, put)) return false;
  }
  writes.deletes.push(...success.deletes, ...failure.deletes);
  return true;
}

function addPut(writes: Writes, put: PutRequest): boolean {
  if (writes.puts.has(put.key) || isDeleted(writes, put)) return false;
  writes.puts.set(put.key, put);
  return true;
}

function isDeleted({ deletes }: Writes, put: PutRequest): boolean {
  return deletes.some((range) => conflicts(range, put));
}

/** A put that keeps what the key has cannot come after any delete: nothing would be there to be kept. */
function conflicts(range: KeyRange, put: PutRequest): boolean {
  if (isOpenEnded(range) && !put.ignoreValue && !put.ignoreLease) return false;
  return containsKey(toInterval(range), put.key);
}
