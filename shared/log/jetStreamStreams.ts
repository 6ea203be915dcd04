import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { NatsLink } from '../bus/natsConnection.ts';
import { type Clock, delay } from '../clock/clock.ts';
import { systemClock } from '../clock/systemClock.ts';
import { streams, subjects } from '../protocol/subjects.ts';
import { LogUnavailableError } from './eventLog.ts';
import { isPassing, isStreamNameTaken, isStreamNotFound, messageOf } from './jetStreamErrors.ts';

export interface EnsureStreamsOptions {
  /** Copies of each stream. Absent: one for a new stream, an old one keeps what it has. */
  replicas?: number;
  /** How long JetStream may take to become ready: a service waits for ever. */
  timeoutMs?: number;
  /** Told now and then what is waited for. */
  onWaiting?: (reason: string) => void;
  clock?: Clock;
}

/** Names are NATS's own, so that what is asked for can be compared with what is there. */
export type WantedStream = Pick<
  StreamConfig,
  'name' | 'subjects' | 'storage' | 'retention' | 'discard' | 'duplicate_window'
> &
  Partial<StreamConfig>;

const duplicateWindowNs = 120 * 1_000_000_000;
/** What the object store of the snapshots is kept in, by NATS's convention. */
const snapshotStream = `OBJ_${streams.snapshots}`;
const retryMs = 200;
/** So often it is said that JetStream is still not ready. */
const remindMs = 10_000;
const requestTimeoutMs = 2_000;

export const wantedStreams: readonly WantedStream[] = [
  {
    name: streams.log,
    subjects: [...subjects.log],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    // Full storage refuses new facts; it never forgets old ones.
    discard: DiscardPolicy.New,
    deny_delete: true,
    duplicate_window: duplicateWindowNs,
  },
  {
    name: streams.kv,
    subjects: [subjects.kvLog],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    deny_delete: true,
    duplicate_window: duplicateWindowNs,
  },
  {
    name: streams.fence,
    subjects: [subjects.allFences],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    duplicate_window: duplicateWindowNs,
  },
  {
    name: streams.assign,
    subjects: [subjects.allAssignments],
    // Derived from the log and written anew at every election: a restart may lose it.
    storage: StorageType.Memory,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    allow_direct: true,
    duplicate_window: duplicateWindowNs,
  },
];

/**
 * Makes the streams of Flotilla, or brings them up to date. Several services may do it at the same time, and before
 * JetStream is ready.
 * @throws {LogUnavailableError} JetStream did not become ready in time.
 */
export async function ensureStreams(link: NatsLink, options: EnsureStreamsOptions = {}): Promise<void> {
  const { replicas } = options;
  const jsm = await jetstreamManager(link.nc, { checkAPI: false, timeout: requestTimeoutMs });
  const patience = createPatience(options);
  for (const wanted of wantedStreams) {
    const config = replicas === undefined ? wanted : { ...wanted, num_replicas: replicas };
    await patience(wanted.name, () => ensure(jsm, config));
  }
  if (replicas !== undefined) await patience(snapshotStream, () => ensureCopies(jsm, snapshotStream, replicas));
}

/**
 * The same, and again after each return of the connection: a single server forgets the stream in memory when it
 * restarts. Returns what ends it.
 * @throws {LogUnavailableError} JetStream did not become ready in time; later that is told to `onError`.
 */
export async function keepStreams(
  link: NatsLink,
  options: EnsureStreamsOptions & { onError: (error: unknown) => void },
): Promise<() => void> {
  await ensureStreams(link, options);
  return link.onConnectionChange((connected) => {
    if (connected) ensureStreams(link, options).catch(options.onError);
  });
}

/** Does something to a stream again and again until it is done. @throws {LogUnavailableError} it took too long. */
type Patience = (stream: string, attempt: () => Promise<void>) => Promise<void>;

function createPatience({ timeoutMs = 30_000, clock = systemClock, onWaiting }: EnsureStreamsOptions): Patience {
  const startedAt = clock.monotonicNow();
  let saidAt = startedAt;
  return async (stream, attempt) => {
    for (;;) {
      const problem = await problemOf(attempt);
      if (problem === null) return;
      const now = clock.monotonicNow();
      const message = `the stream ${stream} cannot be made: ${messageOf(problem)}`;
      if (!mayPass(problem) || now - startedAt >= timeoutMs) throw new LogUnavailableError(message, { cause: problem });
      if (now - saidAt >= remindMs) {
        saidAt = now;
        onWaiting?.(message);
      }
      await delay(clock, retryMs);
    }
  };
}

async function problemOf(attempt: () => Promise<void>): Promise<unknown> {
  try {
    await attempt();
    return null;
  } catch (error) {
    return error;
  }
}

/** Also: somebody else made it with another configuration a moment ago. */
function mayPass(problem: unknown): boolean {
  return isPassing(problem) || isStreamNameTaken(problem) || isStreamNotFound(problem);
}

/** A stream that whoever needs it makes: if it is there, it has so many copies from now on. */
async function ensureCopies(jsm: JetStreamManager, name: string, replicas: number): Promise<void> {
  const current = await currentConfig(jsm, name);
  if (current === null || current.num_replicas === replicas) return;
  await jsm.streams.update(name, { ...current, num_replicas: replicas });
}

async function ensure(jsm: JetStreamManager, wanted: WantedStream): Promise<void> {
  const current = await currentConfig(jsm, wanted.name);
  if (current === null) await jsm.streams.add(wanted);
  else if (!agrees(current, wanted)) await jsm.streams.update(wanted.name, wanted);
}

async function currentConfig(jsm: JetStreamManager, name: string): Promise<StreamConfig | null> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (isStreamNotFound(error)) return null;
    throw error;
  }
}

function agrees(current: StreamConfig, wanted: WantedStream): boolean {
  const there = new Map(Object.entries(current));
  return Object.entries(wanted).every(([key, value]) => JSON.stringify(there.get(key)) === JSON.stringify(value));
}
