/** Writers that keep what was acknowledged to them, so that it can be asked for afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { KVService } from '../../services/kv/etcd/messages.ts';
import type { EtcdClient } from '../support/etcdClient.ts';
import { inParallel } from '../support/inParallel.ts';

/** Of one key, the last put that was acknowledged. Its only writer writes 1, 2, 3 … */
export interface Acknowledged {
  count: number;
  revision: number;
}

export interface Load {
  readonly acknowledged: ReadonlyMap<string, Acknowledged>;
  /** How many puts were acknowledged, and how many got no answer. */
  readonly puts: number;
  readonly lost: number;
  stop(): Promise<void>;
}

const retryMs = 20;

/** One writer for each key, each at the stores in turn. */
export function startLoad(clients: readonly EtcdClient[], keys: number): Load {
  const acknowledged = new Map<string, Acknowledged>();
  const stopped = new AbortController();
  const counts = { puts: 0, lost: 0 };
  const write = async (number: number) => {
    const key = `durable/${number}`;
    for (let count = 1; !stopped.signal.aborted; count++) {
      const client = clients[(number + counts.lost) % clients.length];
      const revision = await client?.call(KVService.Put, { key, value: String(count) }).then(
        ({ header }) => header?.revision,
        () => undefined,
      );
      if (revision === undefined) {
        counts.lost++;
        await sleep(retryMs);
      } else {
        counts.puts++;
        acknowledged.set(key, { count, revision });
      }
    }
  };
  const writing = Promise.all(Array.from({ length: keys }, (_, number) => write(number)));
  return {
    acknowledged,
    get puts() {
      return counts.puts;
    },
    get lost() {
      return counts.lost;
    },
    stop: async () => {
      stopped.abort();
      await writing;
    },
  };
}

/** What was acknowledged and is not there (any more), one sentence each. */
export async function findMissing(client: EtcdClient, acknowledged: Load['acknowledged']): Promise<string[]> {
  const missing: string[] = [];
  const entries = [...acknowledged];
  await inParallel(entries.length, 16, async (index) => {
    const [key, { count, revision }] = entries[index] ?? ['', { count: 0, revision: 0 }];
    const { kvs } = await client.call(KVService.Range, { key });
    const [found] = kvs;
    if (!found) missing.push(`${key} is not there; ${count} was acknowledged at revision ${revision}`);
    else if (found.modRevision < revision || Number(found.value) < count) {
      missing.push(
        `${key} is ${found.value} of revision ${found.modRevision}; ${count} was acknowledged at ${revision}`,
      );
    }
  });
  return missing;
}
