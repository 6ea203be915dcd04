import { type KvCommand, type LeaseId, noLease } from '../../shared/domain/kv.ts';

/** The command as it can stand on the log, where every lease has a number. */
export function withLease(command: KvCommand, newLease: () => LeaseId): KvCommand {
  const isOpen = command.type === 'LeaseGrant' && command.lease === noLease;
  return isOpen ? { ...command, lease: newLease() } : command;
}
