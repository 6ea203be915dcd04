/**
 * Streams move from one JetStream to another as they are: same sequences, times and ids. A server that ran by itself
 * cannot simply join a cluster (nats-server before 2.14 would then delete what it has), nor leave one.
 * Reference: https://docs.nats.io/reference/reference-protocols/nats_api_reference
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type JetStreamManager, jetstreamManager, StorageType, type StreamInfo } from '@nats-io/jetstream';
import { createInbox, type NatsConnection } from '@nats-io/transport-node';
import { describeError } from './describeError.ts';

/** A stream did not arrive as it was. */
export class MoveError extends Error {
  override readonly name = 'MoveError';
}

const chunkBytes = 128 * 1024;
const answerTimeoutMs = 10_000;
/** The last answer comes when the stream is restored. */
const restoreTimeoutMs = 120_000;
/** A snapshot of which nothing more comes for so long has ended badly. */
const stalledMs = 30_000;
/** Between two tries while a stream has no leader. */
const retryMs = 50;

/**
 * Copies all streams that are on the disk, with so many copies each from now on. What is in memory is derived from them.
 * @throws {MoveError}
 */
export async function moveStreams(from: NatsConnection, to: NatsConnection, replicas: number): Promise<string[]> {
  const [source, target] = await Promise.all([managerOf(from), managerOf(to)]);
  const moved: string[] = [];
  for (const name of await namesOf(source)) {
    const info = await withLeader(name, () => source.streams.info(name));
    if (info.config.storage !== StorageType.File) continue;
    await restore(to, { ...info, config: { ...info.config, num_replicas: replicas } }, snapshot(from, name));
    await arrival(target, info);
    moved.push(name);
  }
  return moved;
}

/**
 * The names of all streams. The server's list of what they hold would leave out, without a word, those that have no
 * leader at the moment, as after its start; and then tell others twice.
 */
async function namesOf(manager: JetStreamManager): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const name of manager.streams.names()) names.add(name);
  return names;
}

function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(connection, { checkAPI: false, timeout: answerTimeoutMs });
}

/** The parts of a stream's snapshot, as the server packs them. Each that is taken is acknowledged to the server. */
async function* snapshot(connection: NatsConnection, stream: string): AsyncGenerator<Uint8Array> {
  const inbox = createInbox();
  const chunks = connection.subscribe(inbox, { timeout: stalledMs });
  try {
    const wish = { deliver_subject: inbox, no_consumers: true, chunk_size: chunkBytes };
    await ask(connection, `$JS.API.STREAM.SNAPSHOT.${stream}`, wish);
    for await (const chunk of chunks) {
      if (chunk.data.length === 0) return;
      yield chunk.data;
      chunk.respond();
    }
  } finally {
    chunks.unsubscribe();
  }
}

async function restore(
  connection: NatsConnection,
  { config, state }: Pick<StreamInfo, 'config' | 'state'>,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { deliver_subject } = await ask(connection, `$JS.API.STREAM.RESTORE.${config.name}`, { config, state });
  if (typeof deliver_subject !== 'string') throw new MoveError(`the stream ${config.name} cannot be restored`);
  for await (const part of parts) await connection.request(deliver_subject, part, { timeout: answerTimeoutMs });
  const end = await connection.request(deliver_subject, new Uint8Array(), { timeout: restoreTimeoutMs });
  checked(config.name, end.json());
}

async function ask(connection: NatsConnection, subject: string, body: unknown): Promise<Record<string, unknown>> {
  const reply = await connection.request(subject, JSON.stringify(body), { timeout: answerTimeoutMs });
  return checked(subject, reply.json());
}

/** The answer. @throws {MoveError} it is an error. */
function checked(what: string, answer: Record<string, unknown>): Record<string, unknown> {
  if (!answer.error) return answer;
  throw new MoveError(`NATS refused ${what}: ${JSON.stringify(answer.error)}`);
}

/** Waits until each copy of a stream is there whole: the servers may be stopped then. @throws {MoveError} */
async function arrival(target: JetStreamManager, { config, state }: StreamInfo): Promise<void> {
  await withLeader(config.name, async () => {
    const { state: arrived, cluster } = await target.streams.info(config.name);
    const found = rangeOf(arrived);
    if (found !== rangeOf(state)) throw new MoveError(`it did not arrive whole: ${found} instead of ${rangeOf(state)}`);
    const late = cluster?.replicas?.filter(({ current }) => !current).map(({ name }) => name) ?? [];
    if (late.length > 0) throw new MoveError(`it is not on ${late.join(', ')} yet`);
  });
}

/** What is asked of a stream, again until its servers have agreed on a leader and all is well. @throws {MoveError} */
async function withLeader<T>(stream: string, ask: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + restoreTimeoutMs; ; await sleep(retryMs)) {
    try {
      return await ask();
    } catch (cause) {
      if (Date.now() > end) throw new MoveError(`the stream ${stream}: ${describeError(cause)}`, { cause });
    }
  }
}

/** An empty stream has no first message, whatever the server says. */
function rangeOf({ messages, first_seq: first, last_seq: last }: StreamInfo['state']): string {
  return messages === 0 ? `none up to ${last}` : `${messages} from ${first} to ${last}`;
}
