import { type KvCommand, type LeaseId, noLease } from '../../shared/domain/kv.ts';

/** etcd's least: a lease must outlive an election. */
const leastTtlS = 2;

/** The command as it can stand on the log: a lease has a number and its least time. */
export function withLease(command: KvCommand, newLease: () => LeaseId): KvCommand {
  if (command.type !== 'LeaseGrant') return command;
  const lease = command.lease === noLease ? newLease() : command.lease;
  return { ...command, lease, ttlS: Math.max(command.ttlS, leastTtlS) };
}
