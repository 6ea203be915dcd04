import type { AlarmKind, KvCommand, KvError, RequestOp, TxnRequest } from '../../../shared/domain/kv.ts';
import { compareBytes } from './bytes.ts';

export interface Alarm {
  alarm: AlarmKind;
  member: string;
}

/** Which alarms are raised, each by a member, and what is refused meanwhile (etcd, "Maintenance", Alarm). */
export class AlarmTable {
  #alarms: readonly Alarm[] = [];

  /** Sorted by kind and member. */
  get all(): readonly Alarm[] {
    return this.#alarms;
  }

  activate({ alarm, member }: Alarm): void {
    this.#alarms = [...this.#without({ alarm, member }), { alarm, member }].sort(compareAlarms);
  }

  deactivate(alarm: Alarm): void {
    this.#alarms = this.#without(alarm);
  }

  /** What may not be done now: with a corrupt store nothing, without space nothing that needs more of it. */
  refusal(command: KvCommand): KvError | null {
    if (this.#alarms.length === 0) return null;
    if (this.#isRaised('CORRUPT') && changesData(command)) return { code: 'corrupt' };
    if (this.#isRaised('NOSPACE') && needsSpace(command)) return { code: 'no-space' };
    return null;
  }

  #isRaised(kind: AlarmKind): boolean {
    return this.#alarms.some(({ alarm }) => alarm === kind);
  }

  #without(alarm: Alarm): Alarm[] {
    return this.#alarms.filter((held) => compareAlarms(held, alarm) !== 0);
  }
}

function compareAlarms(a: Alarm, b: Alarm): number {
  return compareBytes(a.alarm, b.alarm) || compareBytes(a.member, b.member);
}

function changesData({ type }: KvCommand): boolean {
  switch (type) {
    case 'Put':
    case 'DeleteRange':
    case 'Txn':
    case 'Compact':
    case 'LeaseGrant':
    case 'LeaseRevoke':
    case 'LeaseExpire':
      return true;
    default:
      return false;
  }
}

function needsSpace(command: KvCommand): boolean {
  return (
    command.type === 'Put' || command.type === 'LeaseGrant' || (command.type === 'Txn' && mayPutSomething(command))
  );
}

function mayPutSomething(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].some(puts);
}

function puts(op: RequestOp): boolean {
  return op.type === 'Put' || (op.type === 'Txn' && mayPutSomething(op));
}
