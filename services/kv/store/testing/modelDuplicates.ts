import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from '../../../../shared/domain/kv.ts';
import { isIn } from './modelStore.ts';

/** A write with its way from the top: which operation of the branch, then which branch of that, and so on. */
interface Write {
  op: ({ type: 'Put' } & PutRequest) | ({ type: 'DeleteRange' } & DeleteRangeRequest);
  way: number[];
}

/** etcd's rule, said of each two writes of a transaction. */
export function hasDuplicates(txn: TxnRequest): boolean {
  const all = [...writesOf(txn.success, [0]), ...writesOf(txn.failure, [1])];
  return all.some((put) => all.some((other) => put.op.type === 'Put' && put !== other && conflict(put, other)));
}

function writesOf(branch: readonly RequestOp[], way: number[]): Write[] {
  return branch.flatMap((op, i): Write[] => {
    if (op.type === 'Range') return [];
    if (op.type !== 'Txn') return [{ op, way: [...way, i] }];
    return [...writesOf(op.success, [...way, i, 0]), ...writesOf(op.failure, [...way, i, 1])];
  });
}

function conflict(put: Write, other: Write): boolean {
  const parting = put.way.findIndex((step, i) => step !== other.way[i]);
  // Ways part at a branch, of which only one runs, or at an operation of the same branch.
  if (parting % 2 === 0) return false;
  if (other.op.type === 'Put') return other.op.key === put.op.key;
  const [putIsNested, deleteIsNested] = [put.way.length > parting + 1, other.way.length > parting + 1];
  const isBehind = (other.way[parting] ?? 0) > (put.way[parting] ?? 0);
  return covers(other.op, put) && !(putIsNested && deleteIsNested && isBehind);
}

function covers(range: DeleteRangeRequest, { op }: Write): boolean {
  const keeps = op.type === 'Put' && (op.ignoreValue || op.ignoreLease);
  return isIn(range, op.key) && (range.rangeEnd !== '\0' || Boolean(keeps));
}
