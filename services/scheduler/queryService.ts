import type { Bus, BusMessage, Subscription } from '../../shared/bus/bus.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import { FencedError } from '../../shared/log/appendOnce.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { foldUntil } from '../../shared/log/history.ts';
import type { Leader } from '../../shared/log/leaderActor.ts';
import type { Projection } from '../../shared/log/projection.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import { encodeLargeJson } from '../../shared/protocol/largeJson.ts';
import type { Query, QueryReply, RebalancePlan } from '../../shared/protocol/queries.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { allSettled, answerQuery } from './answerQuery.ts';
import { parseQuery } from './parseQuery.ts';
import { comparisonsAtOnce, planInSlices, searchPauseMs } from './policy/rebalancing.ts';

export interface QueryServiceOptions {
  id: string;
  bus: Bus;
  log: EventLog;
  clock: Clock;
  projection: Projection;
  leader: Leader;
  onError: (error: unknown) => void;
}

/** The longest that an answer may wait: for the log, or for units to come to rest. */
const longestWaitMs = 5_000;

/** Answers queries: those to any scheduler from what is folded here, those to the leader after proof that it leads. */
export function serveQueries(options: QueryServiceOptions): Subscription[] {
  const { bus, leader, onError } = options;
  const anyScheduler = (message: BusMessage) => void answer(options, message).catch(onError);
  const onlyLeader = (message: BusMessage) => {
    if (leader.state === 'leading') void answerAsLeader(options, message).catch(onError);
  };
  return [
    bus.subscribe(subjects.queries, anyScheduler, { queue: 'schedulers' }),
    bus.subscribe(subjects.leaderQueries, onlyLeader),
  ];
}

async function answerAsLeader(options: QueryServiceOptions, message: BusMessage): Promise<void> {
  // Both begin after the question, and need not wait for each other: each is a way to the log and back.
  const [refusal, { last }] = await Promise.all([whyNotLeading(options.leader), options.log.bounds()]);
  if (refusal !== null) return refuse(message, 'not-leading', refusal);
  await options.projection.reached(last);
  await answer(options, message);
}

/** Null: it is proven that it leads. */
async function whyNotLeading(leader: Leader): Promise<string | null> {
  try {
    await leader.proveLeadership();
    return null;
  } catch (error) {
    if (error instanceof FencedError) return 'this scheduler no longer leads';
    throw error;
  }
}

async function answer(options: QueryServiceOptions, message: BusMessage): Promise<void> {
  const { projection, id } = options;
  const query = parseQuery(message.data);
  if ('problem' in query) return refuse(message, 'invalid-query', query.problem);
  const wait = 'timeoutMs' in query ? Math.min(query.timeoutMs, longestWaitMs) : longestWaitMs;
  const inTime = await reachesInTime(options, query, wait);
  if (!inTime) return refuse(message, 'behind', `this scheduler has come to ${projection.seq} of ${query.minSeq} only`);
  const seen = await asOf(options, query);
  const isPlan = query.type === 'PlanRebalance';
  const answered = isPlan ? await plan(options, query.maxMoves) : answerQuery(seen, query, id, options.clock.now());
  const reply: QueryReply = { ok: true, seq: projection.seq, data: answered };
  const data = encodeLargeJson(reply);
  if (data.length <= options.bus.maxPayload) return message.respond(data);
  const limit = `NATS takes ${options.bus.maxPayload}: raise its max_payload, or ask about fewer units`;
  refuse(message, 'too-large', `the answer has ${data.length} bytes and ${limit}`);
}

/** On a large cluster it takes its time: others are answered in between. */
async function plan({ projection, clock }: QueryServiceOptions, maxMoves: number): Promise<RebalancePlan> {
  const planning = planInSlices(projection.state, maxMoves, comparisonsAtOnce);
  for (;;) {
    const { done, value } = planning.next();
    if (done) return value;
    await delay(clock, searchPauseMs);
  }
}

/** The projection that the query asks about: this scheduler's, or one folded anew up to an earlier point. */
async function asOf({ log, projection }: QueryServiceOptions, query: Query): Promise<Projection> {
  if (query.type !== 'ExplainUnit' || query.as === undefined) return projection;
  return (await foldUntil(log, query.as)).projection;
}

function refuse(message: BusMessage, code: (QueryReply & { ok: false })['code'], reason: string): void {
  message.respond(encodeJson({ ok: false, code, message: reason } satisfies QueryReply));
}

/** Waits for what the query asks to see; false when the projection has not come that far. */
async function reachesInTime(options: QueryServiceOptions, query: Query, waitMs: number): Promise<boolean> {
  const { projection, clock } = options;
  const over = new AbortController();
  const late = delay(clock, waitMs, over.signal);
  const minSeq = query.minSeq ?? 0;
  await Promise.race([projection.reached(minSeq, over.signal), late]);
  if (query.type === 'WaitUnits' && projection.seq >= minSeq) {
    await Promise.race([settled(projection, query, over.signal), late]);
  }
  over.abort();
  return projection.seq >= minSeq;
}

/** Resolves at the first commit after which all units of the query have come to rest. */
function settled(projection: Projection, query: Query & { type: 'WaitUnits' }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const isSettled = () => allSettled(projection.state, query.units, query.until);
    if (isSettled()) return resolve();
    const off = projection.onCommit(() => isSettled() && resolve());
    signal.addEventListener('abort', off, { once: true });
  });
}
