import type { KvCommand, KvError, KvResponse, LeaseId } from '../../../shared/domain/kv.ts';
import { executeAuth } from './authCommands.ts';
import { authorize } from './authorize.ts';
import { checkCommand } from './checkCommand.ts';
import { minTtlS } from './leaseTable.ts';
import type { State } from './state.ts';
import { deleteKeys, deleteRange, executePut, executeTxn } from './txn.ts';

const done: KvResponse = { type: 'Done' };

/**
 * Executes a command, or refuses it and changes nothing. What it changes of the keys is not committed yet.
 */
export function executeCommand(state: State, command: KvCommand): KvResponse | KvError {
  return (
    checkCommand(command) ?? authorize(state, command) ?? state.alarms.refusal(command) ?? dispatch(state, command)
  );
}

function dispatch(state: State, command: KvCommand): KvResponse | KvError {
  switch (command.type) {
    case 'Put':
      return withType('Put', executePut(state, command));
    case 'DeleteRange':
      return { type: 'DeleteRange', ...deleteRange(state, command) };
    case 'Txn':
      return withType('Txn', executeTxn(state, command));
    case 'Compact':
      return compact(state, command.revision);
    case 'LeaseGrant':
      return grant(state, command.lease, command.ttlS);
    case 'LeaseRevoke':
    case 'LeaseExpire':
      return endLease(state, command.lease);
    case 'AlarmActivate':
      state.alarms.activate(command);
      return done;
    case 'AlarmDeactivate':
      state.alarms.deactivate(command);
      return done;
    default:
      return executeAuth(state.auth, command) ?? done;
  }
}

function compact({ keyspace }: State, revision: number): KvResponse | KvError {
  if (revision <= keyspace.compactRevision) return { code: 'compacted' };
  if (revision > keyspace.revision) return { code: 'future-revision' };
  keyspace.compact(revision);
  return done;
}

function grant({ leases }: State, lease: LeaseId, ttlS: number): KvResponse | KvError {
  if (leases.has(lease)) return { code: 'lease-exists' };
  const granted = Math.max(ttlS, minTtlS);
  leases.grant(lease, granted);
  return { type: 'LeaseGrant', lease, ttlS: granted };
}

/** In one revision; in none where no keys are attached. */
function endLease(state: State, lease: LeaseId): KvResponse | KvError {
  if (!state.leases.has(lease)) return { code: 'lease-not-found' };
  deleteKeys(state, state.leases.keysOf(lease));
  state.leases.remove(lease);
  return done;
}

function withType<T extends 'Put' | 'Txn', R extends object>(
  type: T,
  result: R | KvError,
): (R & { type: T }) | KvError {
  return isError(result) ? result : { ...result, type };
}

/** Responses have no code. */
export function isError(result: object): result is KvError {
  return 'code' in result;
}
