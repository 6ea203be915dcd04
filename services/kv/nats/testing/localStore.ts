/** A store that is not on any log: it executes what comes over the bus at once. For tests of what is in front of it. */
import type { Bus } from '../../../../shared/bus/bus.ts';
import type { Clock } from '../../../../shared/clock/clock.ts';
import { type KvCommand, type KvResult, noLease } from '../../../../shared/domain/kv.ts';
import type { KvBatchReply } from '../../../../shared/protocol/kv.ts';
import { subjects } from '../../../../shared/protocol/subjects.ts';
import { createLocalService } from '../../etcd/testing/localService.ts';
import type { KvMember } from '../../kvService.ts';
import type { Store } from '../../store/store.ts';
import { encodeBatchReply } from '../encodeReply.ts';
import { serveNative } from '../nativeApi.ts';
import { parseBatch } from '../parseBatch.ts';

export interface LocalStore {
  store: Store;
  execute(command: KvCommand): Promise<KvResult>;
  /** Answers on a bus, as a replica of that name would; there may be several. */
  serve(bus: Bus, name: string): { stop(): void };
}

export function createLocalStore(clock: Clock, onError: (error: unknown) => void): LocalStore {
  const local = createLocalService(clock);
  const answers = new Map<string, Promise<KvBatchReply>>();
  let leases = 0;

  const execute = (command: KvCommand) => {
    const leavesChoice = command.type === 'LeaseGrant' && command.lease === noLease;
    return local.execute(leavesChoice ? { ...command, lease: String(++leases) } : command);
  };
  const answer = async (data: Uint8Array): Promise<KvBatchReply> => {
    const batch = parseBatch(data);
    if ('error' in batch) return { ok: false, error: batch.error };
    const known = answers.get(batch.id);
    if (known) return known;
    const reply = Promise.all(batch.commands.map(execute)).then(
      (results): KvBatchReply => ({ ok: true, seq: answers.size, results }),
    );
    answers.set(batch.id, reply);
    return reply;
  };

  return {
    store: local.store,
    execute,
    serve(bus, name) {
      const member: KvMember = { id: name, name, clientUrls: [`http://${name}:2379`] };
      const service = { ...local, status: { ...local.status, member }, members: () => [member] };
      const native = serveNative({ bus, clock, service, onError });
      const commands = bus.subscribe(subjects.kvCommands, (message) => {
        answer(message.data).then((reply) => message.respond(encodeBatchReply(reply, bus.maxPayload)), onError);
      });
      return {
        stop() {
          native.unsubscribe();
          commands.unsubscribe();
        },
      };
    },
  };
}
