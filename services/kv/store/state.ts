import { AlarmTable } from './alarmTable.ts';
import { AuthState } from './authState.ts';
import { Keyspace } from './keyspace.ts';
import { LeaseTable } from './leaseTable.ts';

/** Everything that commands change and snapshots hold. */
export interface State {
  readonly keyspace: Keyspace;
  readonly leases: LeaseTable;
  readonly alarms: AlarmTable;
  readonly auth: AuthState;
}

export function emptyState(): State {
  return { keyspace: new Keyspace(), leases: new LeaseTable(), alarms: new AlarmTable(), auth: new AuthState() };
}
