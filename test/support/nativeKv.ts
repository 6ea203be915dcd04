import { nanoid } from 'nanoid';
import { KvClient } from '../../shared/bus/kvClient.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { KvCommand } from '../../shared/domain/kv.ts';
import type { TestNats } from './nats.ts';

/** The native API as a program uses it that writes a lot. */
export interface NativeKv {
  /** Resolves when all of them are durable. */
  submit(commands: KvCommand[]): Promise<void>;
  close(): Promise<void>;
}

export async function connectNative({ url, user, password }: TestNats): Promise<NativeKv> {
  const bus = createNatsBus(await connectNats({ server: url, user, password, name: 'test' }));
  const client = new KvClient({ bus, clock: systemClock, ids: nanoid, by: 'test', patienceMs: 60_000 });
  return {
    submit: async (commands) => {
      const results = await client.batch(commands);
      const refused = 'code' in results ? results : results.find(({ ok }) => !ok);
      if (refused) throw new Error(`a batch was refused: ${JSON.stringify(refused)}`);
    },
    close: () => bus.close(),
  };
}
