/** What the agent of a machine does in the states of its chart (`nodeActor.ts`). */
import { NoLeaderError } from '../../shared/bus/askPatiently.ts';
import type { Bus } from '../../shared/bus/bus.ts';
import { sendCommand } from '../../shared/bus/sendCommand.ts';
import { atMost, type Clock, delay } from '../../shared/clock/clock.ts';
import type { MachineFacts } from '../../shared/domain/events.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { Assignment, Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { type AnswerTimes, createAsker, startHeartbeat } from './heartbeat.ts';
import type { LeaseKeeper } from './leaseKeeper.ts';
import type { NodeStore } from './nodeStore.ts';
import { parseAssignment } from './parseMessages.ts';
import type { Reporter } from './reporter.ts';
import type { UnitRegistry } from './unitRegistry.ts';

export interface NodeDeps {
  facts: MachineFacts;
  bus: Bus;
  /** The stream of assignments. */
  assignments: EventLog;
  registry: UnitRegistry;
  leases: LeaseKeeper;
  reporter: Reporter;
  store: NodeStore;
  clock: Clock;
  ids: () => string;
  heartbeatMs?: number;
  /** How long another machine with the same id is waited out, ms. */
  refusalMs?: number;
  onError: (error: unknown) => void;
}

/** What the node's work has to know beside. */
export interface NodeWork extends NodeDeps {
  /** The cluster has taken this start of the node for the machine. */
  joined: { is: boolean };
  /** It is about to end, and leaves its units to the next agent. */
  handingOver: { is: boolean };
  answerTimes: AnswerTimes;
  /** It is part of the cluster, and hears it. */
  isReady: () => boolean;
}

export type NodeEvent =
  | { type: 'ASSIGNED'; assignment: Assignment }
  | { type: 'HEARD'; reply: HeartbeatReply }
  /** Nobody has answered for a while. */
  | { type: 'GONE_SILENT' }
  /** What is said of the machine has changed. */
  | { type: 'REJOIN' }
  | { type: 'STOP'; reason: string };

const disconnectedAfterMissed = 3;
const defaults = { heartbeatMs: 500, refusalMs: 10_000 };
const commandTimeoutMs = 60_000;
const leaveTimeoutMs = 1_500;
/** The successor of an agent that makes room is there within this long, ms. */
const backWithinMs = 15_000;
/** So long it is waited until somebody has heard of that, ms. */
const handOverMs = 500;
const retryMs = 500;

export async function recover({ store, registry }: NodeDeps): Promise<void> {
  await registry.recover(await store.load());
}

/** Another machine with this id is alive, or Flotilla's versions do not fit: this node may not join. */
export class JoinRefusedError extends Error {
  override readonly name = 'JoinRefusedError';
}

/**
 * Resolves when the cluster has this machine. Waits for a leader as long as it takes; a refusal is waited out for some
 * time, because the leader may not have noticed yet that this machine was away. A cluster that says both "welcome" and
 * "who are you?" is not asked all the time.
 * @param joinedAt when it last had this machine, on the monotonic clock, ms; null: never.
 * @throws {JoinRefusedError}
 */
export async function join(deps: NodeDeps, joinedAt: number | null, signal: AbortSignal): Promise<void> {
  const { bus, clock, facts, ids, registry, refusalMs = defaults.refusalMs } = deps;
  let refusedSince: number | null = null;
  const waitMs = joinedAt === null ? 0 : joinedAt + retryMs - clock.monotonicNow();
  if (waitMs > 0) await delay(clock, waitMs, signal);
  while (!signal.aborted) {
    const command = {
      type: 'JoinMachine',
      ...facts,
      cluster: registry.cluster,
      id: ids(),
      by: `node/${facts.machine}`,
    } as const;
    try {
      const reply = await sendCommand(command, { bus, clock, timeoutMs: commandTimeoutMs, attemptMs: 2_000, signal });
      if (reply.ok) return;
      refusedSince ??= clock.monotonicNow();
      if (clock.monotonicNow() - refusedSince >= refusalMs) throw new JoinRefusedError(describeRefusal(reply));
    } catch (error) {
      if (!(error instanceof NoLeaderError)) throw error;
      refusedSince = null;
    }
    await delay(clock, retryMs, signal);
  }
}

function describeRefusal({ message, details }: { message: string; details: string[] }): string {
  return [message, ...details].join('; ');
}

/**
 * Of assignments that come in together only the last one is read, for each says everything: a node that is slower than
 * the changes is not made slower still by those that are over. Should the last one be of a leader that was, heartbeats
 * tell that there is a newer one.
 */
export function listen({ bus, clock, facts, onError }: NodeDeps, send: (event: NodeEvent) => void): () => void {
  let last: Uint8Array | null = null;
  let timer: unknown;
  const read = () => {
    const assignment = last && parseAssignment(last, onError);
    last = null;
    if (assignment?.session === facts.session) send({ type: 'ASSIGNED', assignment });
  };
  const subscription = bus.subscribe(subjects.assignment(facts.machine), ({ data }) => {
    if (last === null) timer = clock.setTimeout(read, 0);
    last = data;
  });
  return () => {
    subscription.unsubscribe();
    clock.clearTimeout(timer);
  };
}

export function beat(deps: NodeWork, send: (event: NodeEvent) => void): () => void {
  const { bus, clock, facts, leases, registry, onError, heartbeatMs = defaults.heartbeatMs } = deps;
  return startHeartbeat({
    machine: facts.machine,
    bus,
    clock,
    intervalMs: heartbeatMs,
    beat: () => heartbeatOf(deps),
    times: deps.answerTimes,
    onNews: (listener) => {
      const ends = [registry.onGone(listener), bus.onConnectionChange((connected) => connected && listener())];
      return () => ends.forEach((end) => void end());
    },
    onReply: (reply, sentAt) => {
      if (reply.ok && reply.lease) leases.renew(sentAt);
      if (!isNoNews(deps, reply)) send({ type: 'HEARD', reply });
    },
    onMissed: (missed) => {
      if (missed >= disconnectedAfterMissed && deps.isReady()) send({ type: 'GONE_SILENT' });
    },
    onError,
  });
}

/** The answer of every idle half second, which changes nothing: the actor is not woken up for it. */
function isNoNews({ isReady, registry }: NodeWork, reply: HeartbeatReply): boolean {
  const isUpToDate = reply.ok && !reply.resync && reply.assignment === registry.version;
  return isUpToDate && (registry.isConfirmed || registry.version === 0) && isReady();
}

function heartbeatOf({ facts, registry, reporter, joined, handingOver }: NodeWork): Heartbeat {
  const { nodeKey, bootId } = facts;
  return {
    session: facts.session,
    assignment: registry.version,
    digest: reporter.digest(),
    held: registry.held(),
    leaving: registry.leaving(),
    ...(joined.is ? {} : { takesUp: { nodeKey, bootId } }),
    ...(handingOver.is ? { backWithinMs } : {}),
  };
}

/** Tells who leads that another agent of this machine is to be there soon. True: it has been heard in time. */
export async function handOver(work: NodeWork): Promise<boolean> {
  const { bus, clock, facts } = work;
  work.handingOver.is = true;
  const ask = createAsker({ machine: facts.machine, bus });
  const telling = ask(heartbeatOf(work)).then(
    (reply) => reply?.ok === true,
    (error) => {
      work.onError(error);
      return false;
    },
  );
  return Promise.race([telling, delay(clock, handOverMs).then(() => false)]);
}

export async function readAssignment({ assignments, facts, onError }: NodeDeps): Promise<Assignment | null> {
  const last = await assignments.last(subjects.assignment(facts.machine));
  const assignment = last && parseAssignment(last.data, onError);
  return assignment?.session === facts.session ? assignment : null;
}

/** A clean shutdown: everything stops, the log says so, and the cluster places the units elsewhere. */
export async function drain(deps: NodeDeps, reason: string): Promise<void> {
  const { registry, reporter, store, bus, clock, facts, ids } = deps;
  await registry.drain(reason);
  store.save(() => registry.memory());
  await atMost(clock, leaveTimeoutMs, reporter.flush());
  const { machine, session } = facts;
  const command = { type: 'LeaveMachine', machine, session, reason, id: ids(), by: `node/${machine}` } as const;
  try {
    // Nobody leads while a whole cluster is shut down: then there is nobody to tell.
    await sendCommand(command, { bus, clock, timeoutMs: leaveTimeoutMs });
  } catch (error) {
    if (!(error instanceof NoLeaderError)) throw error;
  }
  await atMost(clock, leaveTimeoutMs, store.flush());
}
