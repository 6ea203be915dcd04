import type { Clock } from '../../../../shared/clock/clock.ts';
import type { KvCommand, KvError, KvResult, LeaseId } from '../../../../shared/domain/kv.ts';
import type { KvMember, KvService } from '../../kvService.ts';
import { createStore } from '../../store/mvccStore.ts';
import type { Store } from '../../store/store.ts';

export interface LocalService extends KvService {
  readonly store: Store;
  /** Loses the leader, or finds one again. */
  setLeader(known: boolean): void;
  /** Until what it returns is called nothing is executed. */
  hold(): () => void;
  close(): void;
}

/** The service that the etcd API stands on, as a store of this process alone: without a log, without other replicas. */
export function createLocalService(clock: Clock): LocalService {
  const store = createStore();
  const member: KvMember = { id: '10501334649042878790', name: 'local', clientUrls: ['http://127.0.0.1:2379'] };
  const leases = new LocalLeases(clock, (lease) => store.execute({ type: 'LeaseExpire', lease }));
  const listeners = new Set<(known: boolean) => void>();
  let hasLeader = true;
  let held = Promise.resolve();
  let appliedSeq = 0;

  function execute(command: KvCommand): KvResult {
    if (!hasLeader) return { ok: false, error: { code: 'no-leader' } };
    appliedSeq += 1;
    const response = store.execute(command);
    if ('code' in response) return { ok: false, error: response };
    if (response.type === 'LeaseGrant') leases.grant(response.lease, response.ttlS);
    if (command.type === 'LeaseRevoke') leases.forget(command.lease);
    return { ok: true, revision: store.revision, response };
  }

  return {
    store,
    get status() {
      const leaderId = hasLeader ? member.id : '0';
      return { clusterId: '14841639068965178418', member, leaderId, term: 2, appliedSeq };
    },
    async execute(command) {
      await held;
      return execute(command);
    },
    readBarrier: async () => (hasLeader ? null : { code: 'no-leader' }),
    renewLease: async (lease) => leases.renew(lease),
    remainingTtl: async (lease) => leases.remaining(lease),
    members: () => [member],
    async moveLeader(target): Promise<KvError | null> {
      return target === member.id ? null : { code: 'bad-leader-transferee' };
    },
    onLeader(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    setLeader(known) {
      hasLeader = known;
      for (const listener of [...listeners]) listener(known);
    },
    hold() {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
    close: () => leases.close(),
  };
}

class LocalLeases {
  readonly #clock: Clock;
  readonly #expire: (lease: LeaseId) => void;
  readonly #leases = new Map<LeaseId, { ttlS: number; endsAt: number; timer: unknown }>();

  constructor(clock: Clock, expire: (lease: LeaseId) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  grant(lease: LeaseId, ttlS: number): void {
    this.forget(lease);
    const timer = this.#clock.setTimeout(() => {
      this.#leases.delete(lease);
      this.#expire(lease);
    }, ttlS * 1000);
    this.#leases.set(lease, { ttlS, endsAt: this.#clock.monotonicNow() + ttlS * 1000, timer });
  }

  renew(lease: LeaseId): { ttlS: number } {
    const known = this.#leases.get(lease);
    if (known === undefined) return { ttlS: 0 };
    this.grant(lease, known.ttlS);
    return { ttlS: known.ttlS };
  }

  remaining(lease: LeaseId): { ttlS: number } {
    const known = this.#leases.get(lease);
    return { ttlS: known === undefined ? -1 : Math.floor((known.endsAt - this.#clock.monotonicNow()) / 1000) };
  }

  forget(lease: LeaseId): void {
    this.#clock.clearTimeout(this.#leases.get(lease)?.timer);
    this.#leases.delete(lease);
  }

  close(): void {
    for (const lease of [...this.#leases.keys()]) this.forget(lease);
  }
}
