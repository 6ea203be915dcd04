/** Asks a cluster for everything that a diagnosis needs. What does not answer is a fact, too. */
import { statfs } from 'node:fs/promises';
import type { NatsLink } from '../../shared/bus/natsConnection.ts';
import { checkChain } from '../../shared/log/checkChain.ts';
import { BrokenChainError } from '../../shared/log/fold.ts';
import { readJetStreamHealth, writerSkewMs } from '../../shared/log/jetStreamHealth.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { streams, subjects } from '../../shared/protocol/subjects.ts';
import { CorruptCommitError } from '../../shared/protocol/upcasts.ts';
import type { Client } from '../client.ts';
import { orFail } from '../kv/store.ts';
import type { Answered, ClusterFacts } from './facts.ts';

export interface ReadOptions {
  client: Client;
  link: NatsLink;
  /** Of a cluster that runs here. */
  directory: string | null;
  /** How many commits to look at, from the end. */
  commits: number;
}

/** A failover takes less; so long a doctor waits. */
const patienceMs = 6_000;

export async function readFacts(options: ReadOptions): Promise<ClusterFacts> {
  const { client, link, directory } = options;
  const jetStream = await answered(() => readJetStreamHealth(link));
  const [scheduler, store, disk] = await Promise.all([
    answered(async () => (await client.query({ type: 'GetStatus' }, { leader: true, patienceMs })).data),
    answered(() => readStore(client)),
    directory === null ? null : readDisk(directory),
  ]);
  const isLed = 'value' in scheduler;
  const machines = isLed ? (await client.query({ type: 'ListMachines' })).data.machines : [];
  const units = isLed ? (await client.query({ type: 'ListUnits' })).data.units : [];
  const skews = new Map<string, number>();
  for (const { id, state } of machines) {
    if (state !== 'ready') continue;
    const skew = await answered(() => writerSkewMs(link, subjects.nodeLog(id)));
    if ('value' in skew && skew.value !== null) skews.set(id, skew.value);
  }
  const chains = 'value' in jetStream ? await readChains(options) : new Map();
  return { jetStream, disk, scheduler, store, machines, units, skews, chains };
}

async function readStore({ kv }: Client) {
  const limit = AbortSignal.timeout(patienceMs);
  const late = new Promise<never>((_, reject) => {
    limit.onabort = () => reject(new Error('no key/value store answers'));
  });
  const ask = async () => {
    const { response: status } = orFail(await kv.status());
    return { status, members: orFail(await kv.members()).response.members.length };
  };
  return Promise.race([ask(), late]);
}

async function readDisk(path: string) {
  const { bavail, bsize } = await statfs(path);
  return { path, freeBytes: bavail * bsize };
}

async function readChains({ link, commits }: ReadOptions): Promise<Map<string, Answered<number>>> {
  const chains = new Map<string, Answered<number>>();
  for (const stream of [streams.log, streams.kv]) {
    const check = async () => {
      const log = await createJetStreamLog(link, { stream });
      const { first, last } = await log.bounds();
      return checkChain(log, Math.max(first, last - commits + 1));
    };
    chains.set(stream, await answered(check));
  }
  return chains;
}

async function answered<T>(ask: () => Promise<T>): Promise<Answered<T>> {
  try {
    return { value: await ask() };
  } catch (error) {
    const missing = error instanceof Error ? error.message : String(error);
    const isDamage = error instanceof BrokenChainError || error instanceof CorruptCommitError;
    return isDamage ? { missing, isDamage } : { missing };
  }
}
