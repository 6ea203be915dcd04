import type { Bus, BusMessage } from '../../shared/bus/bus.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import { LinkedController } from '../../shared/clock/linkedController.ts';
import type { KvCommand, KvError, KvEvent } from '../../shared/domain/kv.ts';
import { AppendRefusedError, type EventLog } from '../../shared/log/eventLog.ts';
import type { ReplicaTerm } from '../../shared/log/replicaActor.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { KvBatch, KvBatchReply } from '../../shared/protocol/kv.ts';
import { unpackCommands } from '../../shared/protocol/kvPacking.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { KvCommitLoop } from './commitLoop.ts';
import { LeaseClock } from './leaseClock.ts';
import { encodeBatchReply } from './nats/encodeReply.ts';
import { parseBatch } from './nats/parseBatch.ts';
import { type PeerReply, type PeerRequest, parsePeerRequest } from './parsePeer.ts';
import type { KvProjection } from './projection.ts';
import { checkCommand } from './store/checkCommand.ts';
import { startUpkeep } from './upkeep.ts';
import { withLease } from './withLease.ts';

export interface KvLeadDeps {
  /** This store, as a candidate. */
  id: string;
  bus: Bus;
  log: EventLog;
  clock: Clock;
  ids: () => string;
  /** A lease's number, for who leaves the choice to the store. */
  newLease: () => string;
  /** {@link UpkeepOptions} */
  quotaBytes: number;
  keepRevisions: number;
  /** This store's member id. */
  member: string;
}

/** A term of leadership as the service of the same store uses it, without the way over NATS. */
export interface KvTerm {
  /** Commands that are as they can stand on the log: `withLease`, and `checkCommand` has nothing against them. */
  submit(batch: KvBatch): Promise<KvBatchReply>;
  answer(request: PeerRequest): Promise<PeerReply>;
}

/**
 * One term: takes commands, renews and ends leases, watches over the room. Resolves at the end of the term.
 * @throws {FencedError} somebody else leads.
 */
export async function leadKv(
  deps: KvLeadDeps,
  { projection, leader, signal }: ReplicaTerm<KvProjection>,
  onTerm: (term: KvTerm | null) => void,
): Promise<void> {
  const { id, bus, log, clock, ids } = deps;
  const over = new LinkedController(signal);
  const ending = over.signal;
  const writer = createSubjectWriter<KvEvent>({ log, subject: subjects.kvLog, by: `kv/${id}`, ids, clock, signal });
  writer.reset(projection.head(subjects.kvLog));
  const proveOnFence = () => leader.proveLeadership();
  const loop = new KvCommitLoop({ projection, writer, proveOnFence, clock, maxBytes: bus.maxPayload / 2 });
  const own = (command: KvCommand) => loop.submit({ id: ids(), commands: [command] });
  const expire = (lease: string) => own({ type: 'LeaseExpire', lease });
  const leases = new LeaseClock({ projection, clock, prove: () => loop.prove(), expire });
  const term = new Term({ ...deps, projection, loop, leases, signal: ending });
  const services = [
    bus.subscribe(subjects.kvCommands, (message) => void takeBatch(term, message, bus.maxPayload)),
    bus.subscribe(subjects.kvLeader, (message) => void takePeer(term, message)),
  ];
  onTerm(term);
  const stopUpkeep = startUpkeep({ ...deps, projection, submit: own });
  // While NATS was away nobody could renew.
  const stopListening = bus.onConnectionChange((connected) => connected && leases.renewAll());
  try {
    await Promise.all([loop.run(ending), leases.run(ending)]);
  } finally {
    over.abort();
    onTerm(null);
    stopUpkeep();
    stopListening();
    for (const service of services) service.unsubscribe();
  }
}

async function takeBatch(term: Term, { data, respond }: BusMessage, maxBytes: number): Promise<void> {
  const batch = parseBatch(data);
  const reply = 'error' in batch ? refused(batch.error) : await term.accept(unpacked(batch));
  respond(encodeBatchReply(reply, maxBytes));
}

function unpacked(batch: KvBatch): KvBatch {
  return batch.packed ? { ...batch, commands: unpackCommands(batch.commands) } : batch;
}

async function takePeer(term: KvTerm, { data, respond }: BusMessage): Promise<void> {
  const request = parsePeerRequest(data);
  if (request) respond(encodeJson(await term.answer(request)));
}

interface TermParts extends KvLeadDeps {
  projection: KvProjection;
  loop: KvCommitLoop;
  leases: LeaseClock;
  signal: AbortSignal;
}

const handOverMs = 5_000;

class Term implements KvTerm {
  readonly #parts: TermParts;

  constructor(parts: TermParts) {
    this.#parts = parts;
  }

  submit(batch: KvBatch): Promise<KvBatchReply> {
    return this.#parts.loop.submit(batch);
  }

  /** The same for commands that nobody has looked at. */
  accept(batch: KvBatch): Promise<KvBatchReply> {
    const commands = batch.commands.map((command) => withLease(command, this.#parts.newLease));
    const refusal = commands.map(checkCommand).find((error) => error !== null);
    // One by one they are refused when they are executed; what no command of which can work need not be on the log.
    if (refusal && commands.length === 1) return Promise.resolve(refused(refusal));
    return this.submit({ ...batch, commands });
  }

  async answer(request: PeerRequest): Promise<PeerReply> {
    const { projection, loop, leases } = this.#parts;
    if (request.type === 'MoveLeader') return this.#handOver(request.member);
    try {
      await loop.prove();
    } catch (error) {
      if (error instanceof AppendRefusedError) return refused({ code: 'log-refused', message: error.message });
      // Fenced, or the term is over: another one leads.
      return refused({ code: 'leader-changed' });
    }
    const { seq } = projection;
    if (request.type === 'RenewLease') return { ok: true, seq, ttlS: leases.renew(request.lease) };
    if (request.type === 'RemainingTtl') return { ok: true, seq, ttlS: leases.remaining(request.lease) };
    return { ok: true, seq };
  }

  /** Lets another store campaign: what ends this term is that it wins. */
  async #handOver(to: string): Promise<PeerReply> {
    const { bus, clock, projection, member, signal } = this.#parts;
    const done: PeerReply = { ok: true, seq: projection.seq };
    if (to === member) return done;
    try {
      await bus.request(subjects.kvMember(to), new Uint8Array(), { timeoutMs: 1_000 });
    } catch {
      // Nobody of that name runs, or it does not answer.
      return refused({ code: 'bad-leader-transferee' });
    }
    await delay(clock, handOverMs, signal);
    return signal.aborted ? done : refused({ code: 'timeout' });
  }
}

function refused(error: KvError): { ok: false; error: KvError } {
  return { ok: false, error };
}
