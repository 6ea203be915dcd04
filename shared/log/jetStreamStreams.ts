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
  /** How long JetStream may take to become ready. */
  timeoutMs?: number;
  clock?: Clock;
}

/** Names are NATS's own, so that what is asked for can be compared with what is there. */
type Wanted = Pick<StreamConfig, 'name' | 'subjects' | 'storage' | 'retention' | 'discard' | 'duplicate_window'> &
  Partial<StreamConfig>;

const duplicateWindowNs = 120 * 1_000_000_000;
const retryMs = 200;
const requestTimeoutMs = 2_000;

const wantedStreams: readonly Wanted[] = [
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
  const { replicas, timeoutMs = 30_000, clock = systemClock } = options;
  const jsm = await jetstreamManager(link.nc, { checkAPI: false, timeout: requestTimeoutMs });
  const deadline = clock.monotonicNow() + timeoutMs;
  for (const wanted of wantedStreams) {
    const config = replicas === undefined ? wanted : { ...wanted, num_replicas: replicas };
    while (!(await tryEnsure(jsm, config, clock.monotonicNow() >= deadline))) await delay(clock, retryMs);
  }
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

/** False: not yet, and it may help to wait. */
async function tryEnsure(jsm: JetStreamManager, wanted: Wanted, isLastTry: boolean): Promise<boolean> {
  try {
    await ensure(jsm, wanted);
    return true;
  } catch (cause) {
    // Somebody else made it with another configuration a moment ago: look again.
    const passing = isPassing(cause) || isStreamNameTaken(cause) || isStreamNotFound(cause);
    if (passing && !isLastTry) return false;
    throw new LogUnavailableError(`the stream ${wanted.name} cannot be made: ${messageOf(cause)}`, { cause });
  }
}

async function ensure(jsm: JetStreamManager, wanted: Wanted): Promise<void> {
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

function agrees(current: StreamConfig, wanted: Wanted): boolean {
  const there = new Map(Object.entries(current));
  return Object.entries(wanted).every(([key, value]) => JSON.stringify(there.get(key)) === JSON.stringify(value));
}
