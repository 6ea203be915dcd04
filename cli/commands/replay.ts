import { systemClock } from '../../shared/clock/systemClock.ts';
import { serializeState } from '../../shared/domain/serializeState.ts';
import { machines, unitStates } from '../../shared/domain/views.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { type Folded, foldUntil } from '../../shared/log/history.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type { HistoryPoint } from '../../shared/protocol/queries.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { type Client, withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { columnsOf } from '../fields.ts';
import type { Io } from '../io.ts';
import { parseMoment } from '../moment.ts';
import { lookOf, machineFields, unitFields } from '../render.ts';
import { renderTable } from '../table.ts';
import type { Invocation } from '../verb.ts';

/** A scheduler that is there answers at once; one that is being succeeded, within this. */
const patienceMs = 5_000;
const progressEvery = 5_000;

/** Folds the log from its beginning, and proves that this gives the live state; or shows the state of another time. */
export async function replay(call: Invocation): Promise<number> {
  const when = call.options.text('at');
  return withClient(call, async (client) => {
    if (when === undefined) return prove(call, client);
    const moment = parseMoment('--at', when, systemClock.now());
    const { projection } = await fold(await client.openLog(), moment, call.io);
    if ('seq' in moment && projection.seq < moment.seq) throw beyondTheEnd(moment.seq, projection.seq);
    printState(call, projection);
    return exitCode.done;
  });
}

async function prove({ io, options }: Invocation, client: Client): Promise<number> {
  const live = options.flag('offline') ? null : await askLive(client);
  const log = await client.openLog();
  const until = live !== null && 'seq' in live ? live.seq : (await log.bounds()).last;
  const folded = await fold(log, { seq: until }, io);
  for (const line of describeFold(folded)) io.out(line);
  return compare(io, folded.projection, live);
}

type Live = { seq: number; stateHash: string } | { missing: FailureError };

async function askLive(client: Client): Promise<Live> {
  try {
    const { seq, data } = await client.query({ type: 'GetStatus' }, { leader: true, patienceMs });
    return { seq, stateHash: data.stateHash };
  } catch (error) {
    if (error instanceof FailureError) return { missing: error };
    throw error;
  }
}

function compare(io: Io, { state, seq }: Projection, live: Live | null): number {
  const hash = hashState(state);
  const replayed = `state hash ${hash} at sequence ${seq}`;
  if (live === null || 'missing' in live) {
    io.out(`${replayed}, compared with nothing`);
    if (live === null) return exitCode.done;
    throw withoutScheduler(live.missing);
  }
  if (hash !== live.stateHash || seq !== live.seq) {
    throw different(replayed, `state hash ${live.stateHash} at sequence ${live.seq}`);
  }
  io.out(`state hash ${hash} agrees with the live state at sequence ${seq}`);
  return exitCode.done;
}

function withoutScheduler(cause: FailureError): FailureError {
  return new FailureError('only the history itself was checked: there is no live state to compare with', {
    details: [cause.message, 'with --offline that is enough'],
    cause,
  });
}

function different(replayed: string, live: string): FailureError {
  const advice =
    'the leading scheduler holds something that the log does not say: when it is stopped, another folds the log anew';
  return new FailureError('THE LOG AND THE LIVE STATE DIFFER', {
    details: [`replayed: ${replayed}`, `live:     ${live}`, advice],
  });
}

interface Replayed extends Folded {
  seconds: number;
}

async function fold(log: EventLog, until: HistoryPoint, io: Io): Promise<Replayed> {
  const started = systemClock.monotonicNow();
  const seconds = () => (systemClock.monotonicNow() - started) / 1000;
  const folded = await foldUntil(log, until, (soFar) => {
    if (soFar.commits % progressEvery !== 0) return;
    io.progress(`${soFar.events} events, ${rate({ ...soFar, seconds: seconds() })}`);
  });
  io.progress(null);
  return { ...folded, seconds: seconds() };
}

function beyondTheEnd(wanted: number, last: number): FailureError {
  return new FailureError(`there is no sequence ${wanted} yet: the history ends at ${last}`);
}

function describeFold(folded: Replayed): string[] {
  const { commits, events, seconds } = folded;
  return [
    `replayed ${events} events in ${commits} commits in ${seconds.toFixed(2)} s (${rate(folded)})`,
    'hash chain unbroken: every commit continues the one before it on its subject',
  ];
}

function rate({ events, seconds }: Replayed): string {
  return `${Math.round(events / Math.max(seconds, 0.001)).toLocaleString('en')} events/s`;
}

function printState({ io, options }: Invocation, { state, seq }: Projection): void {
  if (options.flag('json')) return io.out(serializeState(state));
  const look = lookOf(options, io);
  const table = { columns: io.columns, legend: true };
  io.out(`The state at sequence ${seq}:`);
  io.out('');
  for (const line of renderTable(machines(state), columnsOf(machineFields(look)), table)) io.out(line);
  io.out('');
  for (const line of renderTable(unitStates(state), columnsOf(unitFields(look)), table)) io.out(line);
}
