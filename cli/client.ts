import { hostname, userInfo } from 'node:os';
import { type Attempt, askPatiently } from '../shared/bus/askPatiently.ts';
import type { Bus } from '../shared/bus/bus.ts';
import { KvClient } from '../shared/bus/kvClient.ts';
import { createNatsBus } from '../shared/bus/natsBus.ts';
import { connectNats } from '../shared/bus/natsConnection.ts';
import { sendCommand } from '../shared/bus/sendCommand.ts';
import type { Clock } from '../shared/clock/clock.ts';
import { systemClock } from '../shared/clock/systemClock.ts';
import type { EventLog } from '../shared/log/eventLog.ts';
import type { Command, CommandBody, CommandReply } from '../shared/protocol/commands.ts';
import { encodeJson } from '../shared/protocol/json.ts';
import { decodeLargeJson } from '../shared/protocol/largeJson.ts';
import type { UsageReply } from '../shared/protocol/node.ts';
import type { Query, QueryAnswers, QueryBody, QueryReply } from '../shared/protocol/queries.ts';
import { streams, subjects } from '../shared/protocol/subjects.ts';
import { askActivity } from './activity.ts';
import { type Endpoint, findEndpoint } from './endpoint.ts';
import { FailureError } from './errors.ts';
import type { ExecWish } from './execSession.ts';
import { insist } from './insist.ts';
import { type JournalLine, type JournalWish, streamJournal } from './journalStream.ts';
import type { Terminal } from './terminal.ts';
import { askUsage } from './usageRows.ts';
import type { Invocation } from './verb.ts';

/** What the verbs ask of a cluster. Scheduler failovers are waited out; they show as waiting, not as errors. */
export interface Client {
  /**
   * Resolves once the command is done, durably, or refused.
   * @throws {FailureError} no scheduler leads, for longer than the client's patience.
   */
  command(body: CommandBody): Promise<CommandReply>;

  /**
   * @throws {FailureError} no scheduler answers, for longer than the client's patience.
   */
  query<B extends QueryBody>(body: B, options?: QueryOptions): Promise<Answer<B>>;

  /**
   * A unit's output on a machine, line by line.
   * @throws {FailureError} the node is not there (any more), or has no such journal.
   */
  journal(machine: string, wish: JournalWish): AsyncIterable<JournalLine>;

  /** What a machine is busy with for a unit, such as a long pull; null: nothing, or it does not say. */
  activity(machine: string, unit: string): Promise<string | null>;

  /** What a unit uses of a machine, and how its commands have ended, as far as the machine says. */
  usage(machine: string, unit: string): Promise<UsageReply>;

  /**
   * Runs a command beside a unit on a machine; resolves with its exit code.
   * @throws {FailureError} it cannot be run, or the node is gone.
   */
  exec(machine: string, wish: ExecWish, terminal: Terminal): Promise<number>;

  /** The log of everything that happened. */
  openLog(): Promise<EventLog>;

  /** The key/value store. */
  readonly kv: KvClient;

  close(): Promise<void>;
}

export interface QueryOptions {
  /** Answer only from a state that contains this sequence. */
  minSeq?: number;
  /** Ask the leading scheduler, not just any. */
  leader?: boolean;
  /** How long to look for a scheduler, if not as long as usual. */
  patienceMs?: number;
}

export interface Answer<B extends QueryBody> {
  /** The sequence that the answer reflects. */
  seq: number;
  data: QueryAnswers[B['type']];
}

export interface ClientParts {
  bus: Bus;
  openLog: () => Promise<EventLog>;
  clock: Clock;
  ids: () => string;
  /** `user@host`, for the log. */
  by: string;
  /** Where the bus leads to, for messages. */
  address: string;
  /** Told when an answer takes long. */
  onWaiting: (line: string) => void;
}

/** How long a scheduler may be missing: a failover takes 3 s, one of NATS's own up to 10 s. */
const patienceMs = 15_000;
const answerTimeoutMs = 5_000;
const connectTimeoutMs = 3_000;

/**
 * Connects to the cluster that the options and the environment name.
 * @throws {FailureError | NatsUnreachableError | NatsAuthorizationError | NatsServerTooOldError}
 */
export async function connectClient(call: Invocation): Promise<Client> {
  return connectTo(await findEndpoint(call.options, call.io.env), call);
}

/** The same, to a cluster that is known already. */
export async function connectTo(
  endpoint: Endpoint,
  { io, loadIds }: Pick<Invocation, 'io' | 'loadIds'>,
): Promise<Client> {
  const [ids, link] = await Promise.all([
    loadIds(),
    connectNats({ ...endpoint, name: 'flotilla', timeoutMs: connectTimeoutMs }),
  ]);
  const openLog = async () => {
    const { createJetStreamLog } = await import('../shared/log/jetStreamLog.ts');
    return createJetStreamLog(link, { stream: streams.log });
  };
  const { address } = link;
  const parts = { bus: createNatsBus(link), openLog, clock: systemClock, ids, by: whoAsks(), address };
  return createClient({ ...parts, onWaiting: (line) => io.err(line) });
}

/** Does something with a client, and closes it whatever happens. */
export async function withClient<T>(call: Invocation, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectClient(call);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

export function createClient(parts: ClientParts): Client {
  const { bus, ids, by } = parts;
  return {
    command: (body) => {
      const command: Command = { ...body, id: ids(), by };
      const options = { ...parts, timeoutMs: patienceMs };
      return insist({ ...parts, patienceMs, mayHaveWorked: true }, () => sendCommand(command, options));
    },
    query: (body, options = {}) => sendQuery(parts, body, options),
    journal: (machine, wish) => streamJournal(parts, machine, wish),
    activity: (machine, unit) => askActivity(bus, machine, unit),
    usage: (machine, unit) => askUsage(bus, machine, unit),
    exec: async (machine, wish, terminal) => {
      const { runExec } = await import('./execSession.ts');
      return runExec(parts, machine, wish, terminal);
    },
    openLog: parts.openLog,
    kv: new KvClient({ bus, clock: parts.clock, ids, by, patienceMs, onRetry: tellOnce(parts) }),
    close: () => bus.close(),
  };
}

async function sendQuery<B extends QueryBody>(
  parts: ClientParts,
  body: B,
  { minSeq, leader = false, patienceMs: patience = patienceMs }: QueryOptions,
): Promise<Answer<B>> {
  const query: Query = { ...body, ...(minSeq === undefined ? {} : { minSeq }) };
  const subject = leader ? subjects.leaderQueries : subjects.queries;
  const attempt = async (timeoutMs: number): Promise<Attempt<QueryReply<B['type']>>> => {
    const { data } = await parts.bus.request(subject, encodeJson(query), { timeoutMs });
    const reply = decodeLargeJson<QueryReply<B['type']>>(data);
    return !reply.ok && reply.code === 'not-leading' ? { retry: reply.message } : { value: reply };
  };
  const attemptMs = answerTimeoutMs + ('timeoutMs' in body ? body.timeoutMs : 0);
  const asked = { ...parts, patienceMs: patience, mayHaveWorked: false };
  const reply = await insist(asked, () => askPatiently(attempt, { ...parts, attemptMs, timeoutMs: patience }));
  if (!reply.ok) throw new FailureError(reply.message);
  return reply;
}

/** Says once that a store is waited for, and why. */
function tellOnce({ onWaiting }: Pick<ClientParts, 'onWaiting'>): (reason: string) => void {
  let told = false;
  return (reason) => {
    if (!told) onWaiting(`waiting for a key/value store: ${reason}…`);
    told = true;
  };
}

function whoAsks(): string {
  return `${userName()}@${hostname()}`;
}

/** A user id without an entry in passwd(5), as in many containers, has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== 'uv_os_get_passwd') throw error;
    return String(process.getuid?.() ?? 'somebody');
  }
}
