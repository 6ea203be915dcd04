import type {
  AuthCommand,
  Compare,
  DeleteRangeRequest,
  KvCommand,
  KvError,
  KvErrorCode,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../shared/domain/kv.ts';
import { checkDuplicates } from './duplicates.ts';
import { isLeaseId, isNoLease, maxTtlS } from './leaseTable.ts';

/** Of a transaction with those nested in it, counted along each way down; etcd's default. */
const maxTxnOperations = 128;

const sortTargets: readonly string[] = ['key', 'version', 'create', 'mod', 'value'];
const sortOrders: readonly string[] = ['none', 'ascend', 'descend'];
const compareResults: readonly string[] = ['equal', 'greater', 'less', 'not-equal'];
const compareTargets: readonly string[] = ['version', 'create', 'mod', 'value', 'lease'];
const accesses: readonly string[] = ['read', 'write', 'readwrite'];

/** All that can be said against a command without knowing the store; null: it is in order. */
export function checkCommand(command: KvCommand): KvError | null {
  switch (command.type) {
    case 'Put':
      return checkPut(command);
    case 'DeleteRange':
      return checkKey(command);
    case 'Txn':
      return checkTxn(command);
    case 'Compact':
      return Number.isSafeInteger(command.revision) ? null : invalid('The revision is no whole number.');
    case 'LeaseGrant':
      return checkGrant(command);
    case 'LeaseRevoke':
    case 'LeaseExpire':
      return null;
    case 'AlarmActivate':
    case 'AlarmDeactivate':
      return null;
    default:
      return checkAuth(command);
  }
}

export function checkRange(request: RangeRequest): KvError | null {
  const { sortTarget = 'key', sortOrder = 'none' } = request;
  if (request.key === '') return { code: 'empty-key' };
  if (!sortTargets.includes(sortTarget)) return invalid(`There is no sort target ${sortTarget}.`);
  if (!sortOrders.includes(sortOrder)) return invalid(`There is no sort order ${sortOrder}.`);
  return null;
}

/** Also of those nested in it, and that no key is written twice (etcd, "KV service", Txn). */
export function checkTxn(txn: TxnRequest): KvError | null {
  return checkOperations(txn, maxTxnOperations) ?? checkDuplicates(txn);
}

/** No branch of it writes, those of nested transactions included. */
export function isReadOnly(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].every((op) => op.type === 'Range' || (op.type === 'Txn' && isReadOnly(op)));
}

function checkOperations(txn: TxnRequest, budget: number): KvError | null {
  const operations = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (operations > budget) return { code: 'too-many-operations' };
  return (
    firstProblem(txn.compare, checkCompare) ??
    firstProblem(txn.success, (op) => checkOperation(op, budget - operations)) ??
    firstProblem(txn.failure, (op) => checkOperation(op, budget - operations))
  );
}

function checkOperation(op: RequestOp, budget: number): KvError | null {
  switch (op.type) {
    case 'Range':
      return checkRange(op);
    case 'Put':
      return checkPut(op);
    case 'DeleteRange':
      return checkKey(op);
    case 'Txn':
      return checkOperations(op, budget);
  }
}

function checkCompare(compare: Compare): KvError | null {
  if (!compareResults.includes(compare.result)) return invalid(`There is no comparison ${compare.result}.`);
  if (!compareTargets.includes(compare.target)) return invalid(`${compare.target} cannot be compared.`);
  return checkKey(compare);
}

function checkPut(put: PutRequest): KvError | null {
  if (put.key === '') return { code: 'empty-key' };
  if (put.ignoreValue && put.value !== '') return { code: 'value-provided' };
  if (put.ignoreLease && !isNoLease(put.lease)) return { code: 'lease-provided' };
  return null;
}

function checkKey({ key }: Pick<DeleteRangeRequest, 'key'>): KvError | null {
  return key === '' ? { code: 'empty-key' } : null;
}

function checkGrant({ lease, ttlS }: Extract<KvCommand, { type: 'LeaseGrant' }>): KvError | null {
  if (!isLeaseId(lease)) return invalid(`A lease's number is from 1 to 2^63-1, not ${lease}.`);
  if (ttlS > maxTtlS) return { code: 'lease-ttl-too-large' };
  return Number.isSafeInteger(ttlS) ? null : invalid('The TTL is no whole number.');
}

function checkAuth(command: AuthCommand): KvError | null {
  switch (command.type) {
    case 'UserAdd':
      return checkName(command.name, 'user-name-empty');
    case 'RoleAdd':
      return checkName(command.name, 'role-name-empty');
    case 'RoleGrantPermission': {
      const { access } = command.permission;
      return accesses.includes(access) ? null : invalid(`There is no access ${access}.`);
    }
    default:
      return null;
  }
}

function checkName(name: string, code: KvErrorCode): KvError | null {
  return name === '' ? { code } : null;
}

function firstProblem<T>(items: readonly T[], check: (item: T) => KvError | null): KvError | null {
  for (const item of items) {
    const problem = check(item);
    if (problem !== null) return problem;
  }
  return null;
}

function invalid(message: string): KvError {
  return { code: 'invalid-request', message };
}
