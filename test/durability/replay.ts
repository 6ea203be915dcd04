/** The store as the log alone gives it, and as the last snapshot and the rest of the log give it. */
import { createHash } from 'node:crypto';
import { KvProjection } from '../../services/kv/projection.ts';
import { loadKvProjection } from '../../services/kv/snapshots.ts';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import type { TestNats } from '../support/nats.ts';

export interface Replays {
  /** Where the snapshot stands on the log; 0: there is none. */
  snapshotSeq: number;
  lastSeq: number;
  /** SHA-256 of everything that a store keeps. */
  fromBeginning: string;
  fromSnapshot: string;
}

/** Reads a log on which nobody writes at the moment. */
export async function replayBothWays({ url, user, password }: TestNats): Promise<Replays> {
  const link = await connectNats({ server: url, user, password, name: 'replay' });
  try {
    const log = await createJetStreamLog(link, { stream: streams.kv });
    const snapshots = createJetStreamSnapshots(link, { onPassedOver: fail });
    const whole = KvProjection.create();
    const restored = await loadKvProjection({ snapshots, log, onError: fail });
    const snapshotSeq = restored.seq;
    for (const projection of [whole, restored]) await foldToEnd(projection, log);
    return { snapshotSeq, lastSeq: whole.seq, fromBeginning: hashOf(whole), fromSnapshot: hashOf(restored) };
  } finally {
    await link.close();
  }
}

async function foldToEnd(projection: KvProjection, log: EventLog): Promise<void> {
  const done = new AbortController();
  const onIdle = () => done.abort();
  for await (const record of log.tail({ fromSeq: projection.seq + 1, signal: done.signal, onIdle })) {
    projection.apply(record);
  }
}

function hashOf(projection: KvProjection): string {
  const hash = createHash('sha256');
  for (const part of projection.serialize()) hash.update(part);
  return hash.digest('hex');
}

function fail(...what: unknown[]): never {
  throw new Error(`the snapshot cannot be used: ${what.map(String).join(', ')}`);
}
