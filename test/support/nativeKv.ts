import { nanoid } from 'nanoid';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import type { KvCommand } from '../../shared/domain/kv.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { KvBatch, KvBatchReply } from '../../shared/protocol/kv.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { TestNats } from './nats.ts';

/** The native API as a program uses it that writes a lot. */
export interface NativeKv {
  /** Resolves when all of them are durable. */
  submit(commands: KvCommand[]): Promise<void>;
  close(): Promise<void>;
}

export async function connectNative({ url, user, password }: TestNats): Promise<NativeKv> {
  const bus = createNatsBus(await connectNats({ server: url, user, password, name: 'test' }));
  return {
    submit: async (commands) => {
      const batch: KvBatch = { id: nanoid(), by: 'test', commands };
      const { data } = await bus.request(subjects.kvCommands, encodeJson(batch), { timeoutMs: 60_000 });
      const reply = decodeJson<KvBatchReply>(data);
      const refused = reply.ok ? reply.results.find(({ ok }) => !ok) : reply;
      if (refused) throw new Error(`a batch was refused: ${JSON.stringify(refused)}`);
    },
    close: () => bus.close(),
  };
}
