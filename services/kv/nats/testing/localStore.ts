/** A store that is not on any log: it executes what comes over the bus at once. For tests of what is in front of it. */
import type { Bus } from '../../../../shared/bus/bus.ts';
import type { Clock } from '../../../../shared/clock/clock.ts';
import type { KvCommand, KvError, KvResult, LeaseId } from '../../../../shared/domain/kv.ts';
import type { KvBatchReply } from '../../../../shared/protocol/kv.ts';
import { subjects } from '../../../../shared/protocol/subjects.ts';
import type { KvMember, KvService } from '../../kvService.ts';
import { createStore } from '../../store/mvccStore.ts';
import type { Store } from '../../store/store.ts';
import { encodeBatchReply } from '../encodeReply.ts';
import { serveNative } from '../nativeApi.ts';
import { parseBatch } from '../parseBatch.ts';

export interface LocalStore {
  store: Store;
  service: KvService;
  execute(command: KvCommand): KvResult;
  /** Answers on another bus, too, as another replica would. */
  serve(bus: Bus, name: string): { stop(): void };
}

export function createLocalStore(clock: Clock, onError: (error: unknown) => void): LocalStore {
  const store = createStore();
  const answers = new Map<string, KvBatchReply>();
  const deadlines = new Map<LeaseId, number>();
  let leases = 0;
  const execute = (wish: KvCommand): KvResult => {
    const command = wish.type === 'LeaseGrant' && wish.lease === '0' ? { ...wish, lease: String(++leases) } : wish;
    const response = store.execute(command);
    if (command.type === 'LeaseGrant') renew(command.lease);
    return 'code' in response ? { ok: false, error: response } : { ok: true, revision: store.revision, response };
  };
  const renew = (lease: LeaseId): number => {
    const ttlS = store.lease(lease)?.ttlS ?? 0;
    clock.clearTimeout(deadlines.get(lease));
    if (ttlS > 0) {
      const expire = () => void store.execute({ type: 'LeaseExpire', lease });
      deadlines.set(lease, clock.setTimeout(expire, ttlS * 1000) as number);
    }
    return ttlS;
  };
  const serviceOf = (member: KvMember): KvService => ({
    store,
    status: { clusterId: '1', member, leaderId: member.id, term: 1, appliedSeq: store.revision },
    execute: async (command) => execute(command),
    readBarrier: async (): Promise<KvError | null> => null,
    renewLease: async (lease) => ({ ttlS: renew(lease) }),
    remainingTtl: async (lease) => ({ ttlS: store.lease(lease)?.ttlS ?? -1 }),
    members: () => [member],
    moveLeader: async () => null,
    onLeader: () => () => undefined,
  });
  const answer = (data: Uint8Array): KvBatchReply => {
    const batch = parseBatch(data);
    if ('error' in batch) return { ok: false, error: batch.error };
    const reply = answers.get(batch.id) ?? { ok: true, seq: answers.size + 1, results: batch.commands.map(execute) };
    answers.set(batch.id, reply);
    return reply;
  };
  return {
    store,
    service: serviceOf({ id: '7', name: 'local', clientUrls: [] }),
    execute,
    serve(bus, name) {
      const service = serviceOf({ id: name, name, clientUrls: [`http://${name}:2379`] });
      const native = serveNative({ bus, clock, service, onError });
      const commands = bus.subscribe(subjects.kvCommands, (message) =>
        message.respond(encodeBatchReply(answer(message.data), bus.maxPayload)),
      );
      return {
        stop() {
          native.unsubscribe();
          commands.unsubscribe();
        },
      };
    },
  };
}
