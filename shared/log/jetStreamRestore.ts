/** Fills the streams of a cluster that has none with a history, at the sequences that it had. */
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { headers } from '@nats-io/transport-node';
import type { NatsLink } from '../bus/natsConnection.ts';
import { streams, subjects } from '../protocol/subjects.ts';
import type { LogRecord } from './eventLog.ts';
import { isStreamNotFound, messageOf } from './jetStreamErrors.ts';
import { restoredHeader } from './jetStreamRecord.ts';
import { type WantedStream, wantedStreams } from './jetStreamStreams.ts';

export interface StreamRestore {
  /** Writes the next message, whose sequence has to follow the last one's; several are under way at a time. */
  write(record: LogRecord): Promise<void>;
  /** Resolves when all that was written is durable. */
  flush(): Promise<void>;
  /** Opens the stream to those who write on it. */
  open(): Promise<void>;
}

/** There is a history already, or somebody writes one. */
export class NotFreshError extends Error {
  override readonly name = 'NotFreshError';
}

const timeoutMs = 10_000;
/** Enough that the server's disk always has something to do. */
const underWay = 200;

/** @throws {NotFreshError} there is anything that a restore would mix with. */
export async function refuseUsedCluster(link: NatsLink): Promise<void> {
  const jsm = await jetstreamManager(link.nc, { timeout: timeoutMs });
  for (const { name } of wantedStreams) {
    const last = await lastSequence(jsm, name);
    if (last > 0) throw new NotFreshError(`the stream ${name} there has a history already, up to sequence ${last}`);
  }
  try {
    const bucket = await new Objm(link.nc).open(streams.snapshots, false);
    const kept = (await bucket.list()).filter(({ deleted }) => !deleted);
    if (kept.length > 0) throw new NotFreshError('there are snapshots of another history');
  } catch (error) {
    if (!isStreamNotFound(error)) throw error;
  }
}

async function lastSequence(jsm: JetStreamManager, name: string): Promise<number> {
  try {
    return (await jsm.streams.info(name)).state.last_seq;
  } catch (error) {
    if (isStreamNotFound(error)) return 0;
    throw error;
  }
}

/**
 * Makes a stream anew whose next sequence is `first`. Until it is opened it listens on other subjects, and stores what
 * comes there under the right ones: nobody else writes into a history that is not whole.
 */
export async function restoreStream(
  link: NatsLink,
  name: string,
  { first, replicas }: { first: number; replicas?: number | undefined },
): Promise<StreamRestore> {
  const jsm = await jetstreamManager(link.nc, { timeout: timeoutMs });
  const js = jetstream(link.nc, { timeout: timeoutMs });
  const known = wantedStreams.find((stream) => stream.name === name);
  if (!known) throw new RangeError(`${name} is no stream of a cluster`);
  const wanted: WantedStream = replicas === undefined ? known : { ...known, num_replicas: replicas };
  await removeEmpty(jsm, name);
  const closed = {
    ...wanted,
    first_seq: first,
    subjects: wanted.subjects.map(subjects.restoring),
    subject_transform: { src: subjects.restoring('>'), dest: '>' },
  };
  await jsm.streams.add(closed);
  let last = first - 1;
  let pending: Promise<unknown>[] = [];
  const restored = String(first);

  const flush = async () => {
    const all = pending;
    pending = [];
    try {
      await Promise.all(all);
    } catch (cause) {
      throw new NotFreshError(`${name} could not be written up to sequence ${last}: ${messageOf(cause)}`, { cause });
    }
  };
  return {
    write: async ({ seq, subject, id, data }) => {
      if (seq !== last + 1) throw new RangeError(`sequence ${seq} does not follow ${last}`);
      const marked = headers();
      marked.set(restoredHeader, restored);
      const expect = { lastSequence: last, streamName: name };
      const sent = js.publish(subjects.restoring(subject), data, { msgID: id, headers: marked, expect });
      // The next flush tells.
      sent.catch(() => undefined);
      pending.push(sent);
      last = seq;
      if (pending.length >= underWay) await flush();
    },
    flush,
    open: async () => {
      await flush();
      // Absent in what the server is sent, which takes it away.
      const opened: Record<string, unknown> = { ...wanted, subject_transform: undefined };
      await jsm.streams.update(name, opened as Partial<WantedStream>);
    },
  };
}

/** A node that waits may have made it. */
async function removeEmpty(jsm: JetStreamManager, name: string): Promise<void> {
  try {
    await jsm.streams.delete(name);
  } catch (error) {
    if (!isStreamNotFound(error)) throw error;
  }
}
