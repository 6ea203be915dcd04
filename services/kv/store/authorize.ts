import type {
  DeleteRangeRequest,
  KeyRange,
  KvCommand,
  KvError,
  LeaseId,
  PutRequest,
  RequestOp,
  TxnRequest,
} from '../../../shared/domain/kv.ts';
import type { AuthState } from './authState.ts';
import { toInterval } from './interval.ts';
import { isNoLease, type LeaseTable } from './leaseTable.ts';
import { covers } from './permissions.ts';
import type { AuthView } from './store.ts';

/** What decides who may do what. */
export interface AccessRules {
  readonly auth: AuthState;
  readonly leases: LeaseTable;
}

const denied: KvError = { code: 'permission-denied' };

/**
 * Whether `user` may have the command executed; null: yes, as everybody while authentication is off. As in etcd, compactions,
 * grants of leases and alarms are nobody's own, and neither are the leader's commands.
 */
export function authorize(rules: AccessRules, command: KvCommand): KvError | null {
  const { user } = command;
  if (!rules.auth.enabled || (user !== undefined && rules.auth.isRoot(user))) return null;
  switch (command.type) {
    case 'Put':
      return mayPut(rules, command, user);
    case 'DeleteRange':
      return mayDelete(rules, command, user);
    case 'Txn':
      return mayTxn(rules, command, user);
    case 'LeaseRevoke':
      return mayWriteLease(rules, command.lease, user);
    case 'Compact':
    case 'LeaseGrant':
    case 'LeaseExpire':
    case 'AlarmActivate':
    case 'AlarmDeactivate':
      return null;
    default:
      return mayAdminister(rules.auth, user);
  }
}

export function mayRead(rules: AccessRules, range: KeyRange, user: string | undefined): KvError | null {
  return mayAccess(rules, 'read', range, user);
}

/** Of all its comparisons and of both branches, whichever will run. */
export function mayTxn(rules: AccessRules, txn: TxnRequest, user: string | undefined): KvError | null {
  for (const compare of txn.compare) {
    const problem = mayRead(rules, compare, user);
    if (problem !== null) return problem;
  }
  for (const op of [...txn.success, ...txn.failure]) {
    const problem = mayOperate(rules, op, user);
    if (problem !== null) return problem;
  }
  return null;
}

function mayOperate(rules: AccessRules, op: RequestOp, user: string | undefined): KvError | null {
  switch (op.type) {
    case 'Range':
      return mayRead(rules, op, user);
    case 'Put':
      return mayPut(rules, op, user);
    case 'DeleteRange':
      return mayDelete(rules, op, user);
    case 'Txn':
      return mayTxn(rules, op, user);
  }
}

/** Who puts a key on a lease has to be able to revoke it. */
function mayPut(rules: AccessRules, put: PutRequest, user: string | undefined): KvError | null {
  const { key, lease, prevKv } = put;
  return (
    mayAccess(rules, 'write', { key }, user) ??
    (lease === undefined || isNoLease(lease) ? null : mayWriteLease(rules, lease, user)) ??
    (prevKv ? mayRead(rules, { key }, user) : null)
  );
}

function mayDelete(rules: AccessRules, request: DeleteRangeRequest, user: string | undefined): KvError | null {
  return mayAccess(rules, 'write', request, user) ?? (request.prevKv ? mayRead(rules, request, user) : null);
}

function mayWriteLease(rules: AccessRules, lease: LeaseId, user: string | undefined): KvError | null {
  for (const key of rules.leases.keysOf(lease)) {
    const problem = mayAccess(rules, 'write', { key }, user);
    if (problem !== null) return problem;
  }
  return null;
}

/** Whether `user` may do what is root's, while authentication is on; null: yes. */
export function mayAdminister(auth: Pick<AuthView, 'isRoot' | 'password'>, user: string | undefined): KvError | null {
  if (!user) return { code: 'user-name-empty' };
  if (auth.isRoot(user)) return null;
  return auth.password(user) === null ? { code: 'user-not-found' } : denied;
}

function mayAccess(
  { auth }: AccessRules,
  access: 'read' | 'write',
  range: KeyRange,
  user: string | undefined,
): KvError | null {
  if (!auth.enabled) return null;
  if (!user) return { code: 'user-name-empty' };
  return auth.isRoot(user) || covers(auth.coverageOf(user)[access], toInterval(range)) ? null : denied;
}
