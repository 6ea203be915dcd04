import type { AddressInfo } from 'node:net';
import { ClusterReader } from '../services/api/clusterReader.ts';
import { stateKeys } from '../services/api/fleet/entities.ts';
import { encodePage, pageLimit } from '../services/api/fleet/pageToken.ts';
import { listen } from '../services/api/listen.ts';
import { createServer } from '../services/api/server.ts';
import { comparisonsAtOnce, SlicedSearch } from '../services/scheduler/policy/rebalancing.ts';
import { reconcile } from '../services/scheduler/policy/reconcile.ts';
import { systemClock } from '../shared/clock/systemClock.ts';
import { evolve } from '../shared/domain/cluster.ts';
import { type ClusterState, draft, initialState } from '../shared/domain/clusterState.ts';
import { unitStates } from '../shared/domain/views.ts';
import { createMemoryLog } from '../shared/log/memoryLog.ts';
import { Projection } from '../shared/log/projection.ts';
import { decodeLargeJson, encodeLargeJson } from '../shared/protocol/largeJson.ts';
import { joined, placed, report, submission, submitted } from '../test/support/samples.ts';
import type { Row } from './support/report.ts';
import { median, timed } from './support/stats.ts';

const machines = 1_000;
const unitsPerMachine = 50;
const trials = 21;

/** What a scheduler thinks of 1,000 machines with 50 units each, without the log. */
export async function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const scale = quick ? 10 : 1;
  const state = largeCluster(machines / scale);
  const many = `${machines / scale} machines, ${(machines / scale) * unitsPerMachine} units`;
  const copying = { what: 'copying all units as JSON', beside: () => copyOf(state) };
  const reading = { what: 'reading every machine and unit once', beside: () => scan(state) };
  return [
    await row(`list-units, ${many}`, () => listUnits(state), { goalMs: 1_000, ...copying }),
    ...(await apiRows(state, many)),
    await row(`placing one unit, ${many}`, () => placeOne(state), { goalMs: 1, ...reading }),
    await row(`a machine's death, ${many}`, () => loseOne(state), { goalMs: 100, ...reading }),
    await rebalanceRow(state, many),
  ];
}

/** Pages of fleet's API, asked for over HTTP of the service itself; only the log is in memory. */
async function apiRows(state: ClusterState, many: string): Promise<Row[]> {
  const log = createMemoryLog().open();
  const reader = new ClusterReader({ log, projection: new Projection(state), clock: systemClock });
  const send = () => Promise.reject(new Error('nothing is changed'));
  const create = () => createServer({ reader, send, clock: systemClock, onError: console.error });
  const [server] = await listen(create, { tcp: { host: '127.0.0.1', port: 0 } });
  const [address] = (server?.addresses() ?? []) as AddressInfo[];
  const base = `http://127.0.0.1:${address?.port}`;
  const ask = async (path: string) => {
    const response = await fetch(`${base}/fleet/v1/${path}`);
    const page = await response.text();
    if (!response.ok) throw new Error(page);
    return page;
  };
  // Pages are counted from the first: the last one costs most.
  const last = `nextPageToken=${encodePage(state.units.size / pageLimit)}`;
  const beside = { what: 'discovery, which is the same for everybody', beside: () => ask('discovery') };
  try {
    return [
      await row(`the last page of units by the API, ${many}`, () => ask(`units?${last}`), { goalMs: 50, ...beside }),
      await row(`the last page of states by the API, ${many}`, () => ask(`state?${last}`), { goalMs: 50, ...beside }),
      await row(`all states listed anew, ${many}`, () => stateKeys(state, reader.unitNames, {}), {
        goalMs: 50,
        ...beside,
      }),
      await row(`all machines by the API, ${many}`, () => ask('machines'), { goalMs: 50, ...beside }),
      await row(`/metrics, ${many}`, () => fetch(`${base}/metrics`).then((r) => r.text()), {
        goalMs: 50,
        ...beside,
      }),
    ];
  } finally {
    await server?.close();
  }
}

/** Nothing else happens in its leader meanwhile. */
async function rebalanceRow(state: ClusterState, many: string): Promise<Row> {
  const goalMs = 50;
  const longest = median(Array.from({ length: 5 }, () => longestPart(state)));
  const baseline = { what: 'a rebalance made in one go', value: await timed(() => new SlicedSearch().next(state)) };
  const what = `the longest that a rebalance holds others up, ${many}`;
  return { what, flotilla: longest, unit: 'ms', baseline, goal: `≤ ${goalMs} ms`, met: longest <= goalMs };
}

function longestPart(state: ClusterState): number {
  const search = new SlicedSearch(comparisonsAtOnce);
  let longest = 0;
  do {
    const start = performance.now();
    search.next(state);
    longest = Math.max(longest, performance.now() - start);
  } while (search.isUnderWay);
  return longest;
}

interface Measure {
  goalMs: number;
  /** What it is measured beside. */
  what: string;
  beside: () => unknown;
}

async function row(what: string, run: () => unknown, measure: Measure): Promise<Row> {
  const ms = await medianOf(run);
  const baseline = { what: measure.what, value: await medianOf(measure.beside) };
  const { goalMs } = measure;
  return { what, flotilla: ms, unit: 'ms', baseline, goal: `≤ ${goalMs} ms`, met: ms <= goalMs };
}

async function medianOf(run: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let trial = 0; trial < trials; trial++) times.push(await timed(run));
  return median(times);
}

function largeCluster(count: number): ClusterState {
  const state = initialState();
  let seq = 0;
  const fold = (event: Parameters<typeof evolve>[1]) => evolve(state, event, { seq: ++seq, at: seq });
  for (let m = 0; m < count; m++) {
    fold(joined(`m${m}`, { capacity: { memoryBytes: 64 * 2 ** 30, cpus: 16 } }));
    for (let u = 0; u < unitsPerMachine; u++) {
      const name = `u${u}@${m}.service`;
      fold(submitted(submission(name, {}, { resources: { memoryBytes: 2 ** 26 } })));
      fold({ type: 'UnitLaunchRequested', unit: name });
      fold(placed(name, `m${m}`));
      fold({ type: 'UnitStateReported', machine: `m${m}`, ...report(name, { goal: seq }) });
    }
  }
  return state;
}

/** As a scheduler answers and the command line reads it. */
function listUnits(state: ClusterState): void {
  decodeLargeJson(encodeLargeJson({ ok: true, seq: 1, data: { units: unitStates(state) } }));
}

const moment = { seq: 10_000_000, at: 10_000_000 };
const options = { includeWaiting: false, maxTasks: 2_000, moment };

function placeOne(state: ClusterState): void {
  const tried = draft(state);
  evolve(tried, submitted(submission('new.service', {}, { resources: { memoryBytes: 2 ** 26 } })), moment);
  evolve(tried, { type: 'UnitLaunchRequested', unit: 'new.service' }, moment);
  const tasks = reconcile(tried, options);
  if (tasks[0]?.type !== 'UnitPlaced') throw new Error('it was not placed');
}

function loseOne(state: ClusterState): void {
  const tried = draft(state);
  evolve(tried, { type: 'MachineLost', machine: 'm7', reason: 'no heartbeat for 2.0 s' }, moment);
  const tasks = reconcile(tried, options);
  if (tasks.length !== unitsPerMachine) throw new Error(`${tasks.length} tasks`);
}

function copyOf(state: ClusterState): void {
  JSON.parse(JSON.stringify([...state.units.values()]));
}

function scan(state: ClusterState): void {
  let sum = 0;
  for (const machine of state.machines.values()) sum += machine.since;
  for (const unit of state.units.values()) sum += unit.goal;
  if (Number.isNaN(sum)) throw new Error('not a number');
}
