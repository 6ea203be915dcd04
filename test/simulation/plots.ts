/**
 * Bad luck that chance alone seldom brings about: several faults, and what is asked meanwhile, that fit together. Each is
 * known to break a system without one of the rules; the numbers in it are drawn.
 */
import type { Random } from '../linearizability/record/random.ts';
import { type Action, clientNames, machineName, nodeOf, type Schedule, type TimedAction } from './schedule.ts';
import { isLeased, unitNames } from './units.ts';

interface Cast {
  random: Random;
  scheduler: string;
  machine: string;
  /** The agent there. */
  node: string;
  everyScheduler: string[];
  everyNode: string[];
  everyStore: string[];
}

/** What happens how long after the plot's beginning, ms. */
type Plot = (cast: Cast) => [number, Action][];

const plots: readonly [Plot, ...Plot[]] = [
  overtakenCandidate,
  minority,
  diesAtCommit,
  stoppedAndCutOff,
  deadAgentAndNewLeader,
  leaderWithoutLog,
  hastyAssignments,
  deposedAndAnswering,
  restartInterrupted,
  stoppedWhileStarting,
];

const plotsOfStores: readonly [Plot, ...Plot[]] = [storeDiesAtCommit, storeCutOff];

export function drawPlots(random: Random, schedule: Schedule): { plot: Plot | null; actions: TimedAction[] } {
  if (random.chance(0.3)) return { plot: null, actions: [] };
  const { machines, schedulers, stores, endMs } = schedule;
  const plot = stores > 0 && random.chance(0.7) ? random.pick(plotsOfStores) : random.pick(plots);
  const numbered = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
  const everyScheduler = numbered('scheduler', schedulers);
  const [everyNode, everyStore] = [numbered('node', machines), numbered('store', stores)];
  const actions: TimedAction[] = [];
  const play = (atMs: number) => {
    const machine = machineName(1 + random.integer(machines));
    const scheduler = random.pick(['scheduler-1', ...everyScheduler]);
    const cast = { random, machine, scheduler, node: nodeOf(machine), everyScheduler, everyNode, everyStore };
    for (const [afterMs, action] of plot(cast)) actions.push({ atMs: atMs + afterMs, ...action });
  };
  for (let atMs = 3_000 + random.integer(4_000); atMs < endMs - 4_000; atMs += 8_000 + random.integer(8_000))
    play(atMs);
  // What it breaks may be mended by whatever is asked for next: the last time little comes after it.
  play(endMs - 3_500 + random.integer(2_000));
  return { plot, actions };
}

/** A candidate that hears nobody wins the fence, and is held up until another has been elected after it. */
function overtakenCandidate({ random, scheduler, everyScheduler }: Cast): [number, Action][] {
  const others = everyScheduler.filter((name) => name !== scheduler);
  const forMs = 2_500 + random.integer(2_500);
  return [
    [0, { do: 'deafen', actors: [scheduler], direction: 'down', only: 'bus', forMs: 12_000 }],
    [0, { do: 'trap', actor: scheduler, on: 'fence', when: random.pick(['during', 'after']), fate: 'pause', forMs }],
    ...others.map((actor): [number, Action] => [1_200, { do: 'pause', actor, forMs: 600 + random.integer(1_500) }]),
  ];
}

/** A leader, machines and a client are apart from the others, who have the log; both sides are asked for things. */
function minority({ random, scheduler, node, everyNode }: Cast): [number, Action][] {
  const [here, there] = random.chance(0.5) ? ([0, 1] as const) : ([1, 0] as const);
  const forMs = 6_000 + random.integer(10_000);
  const units = [random.pick(unitNames)];
  // A leader that hears all machines decides nothing by itself, and is free to answer.
  const apart = [scheduler, clientNames[here], ...(random.chance(0.7) ? everyNode : [node])];
  return [
    [0, { do: 'start', client: there, units }],
    [700, { do: 'split', actors: apart, log: 'others', forMs }],
    ...[2_500, 2_900, 3_300].map((at): [number, Action] => [at, { do: 'stop', client: there, units }]),
    ...[2_800, 3_100, 3_400, 3_700].map((at): [number, Action] => [at, { do: 'start', client: here, units }]),
  ];
}

/** Whoever leads dies at its next commit; or is stopped there. */
function diesAtCommit({ random, everyScheduler }: Cast): [number, Action][] {
  const when = random.pick(['before', 'during', 'after', 'after']);
  const [fate, forMs] = [random.pick(['crash', 'crash', 'pause']), 300 + random.integer(3_000)];
  const units = [random.pick(unitNames), random.pick(unitNames)];
  return [
    ...everyScheduler.map((actor): [number, Action] => [0, { do: 'trap', actor, on: 'log', when, fate, forMs }]),
    [1, { do: random.pick(['move', 'start', 'restart', 'stop']), client: random.integer(2), units }],
  ];
}

/** An agent is stopped while an answer is on its way to it; its machine is cut off before it goes on, and stopped again. */
function stoppedAndCutOff({ random, node }: Cast): [number, Action][] {
  const pauseMs = 1_500 + random.integer(3_000);
  const cutMs = 700 + 500 + random.integer(pauseMs - 500);
  return [
    [0, { do: 'weather', loss: 0, repeat: 0, latencyMs: 400, forMs: 1_500 }],
    [700, { do: 'pause', actor: node, forMs: pauseMs }],
    [cutMs, { do: 'deafen', actors: [node], direction: 'both', forMs: 8_000 + random.integer(6_000) }],
    ...(random.chance(0.7)
      ? [[700 + pauseMs + 20, { do: 'pause', actor: node, forMs: 10_000 }] as [number, Action]]
      : []),
  ];
}

/** What its agent left running is on a machine that the one leader takes for lost, and the next one never heard. */
function deadAgentAndNewLeader({ random, node, everyScheduler }: Cast): [number, Action][] {
  const forMs = 200 + random.integer(1_000);
  const how = random.pick(['crash', 'pause']);
  return [
    [0, { do: how, actor: node, forMs: 9_000 + random.integer(6_000) }],
    ...everyScheduler.map((actor): [number, Action] => [
      2_100 + random.integer(500),
      random.chance(0.8) ? { do: 'crash', actor, forMs } : { do: 'pause', actor, forMs: 3_000 },
    ]),
  ];
}

/** The log is out of its leader's reach, but machines and clients are not. */
function leaderWithoutLog({ random, scheduler, everyScheduler }: Cast): [number, Action][] {
  const others = everyScheduler.filter((name) => name !== scheduler);
  const units = [random.pick(unitNames)];
  return [
    [0, { do: 'deafen', actors: [scheduler], direction: 'both', only: 'log', forMs: 8_000 + random.integer(6_000) }],
    [0, { do: 'deafen', actors: others, direction: 'down', only: 'bus', forMs: 2_000 + random.integer(1_500) }],
    [3_000, { do: 'stop', client: 0, units }],
    [3_800, { do: 'start', client: 1, units }],
  ];
}

/** Many assignments of one machine are on their way at a time, overtake each other, and get lost. */
function hastyAssignments({ random }: Cast): [number, Action][] {
  const weather = {
    loss: random.pick([0, 0.3, 0.6]),
    repeat: random.pick([0, 0.3]),
    latencyMs: random.pick([100, 400]),
  };
  const gapMs = 20 + random.integer(150);
  return [
    [0, { do: 'unload', client: 0, units: [...unitNames] }],
    [700, { do: 'weather', ...weather, only: 'bus', forMs: 3_000 }],
    ...unitNames.map((unit, i): [number, Action] => [750 + i * gapMs, { do: 'start', client: i % 2, units: [unit] }]),
  ];
}

/** Who leads no more goes on answering one machine; the others of the cluster decide without both. */
function deposedAndAnswering({ random, scheduler, node }: Cast): [number, Action][] {
  return [[0, { do: 'split', actors: [scheduler, node], log: 'others', forMs: 12_000 + random.integer(5_000) }]];
}

/** An agent dies between the wish to restart and the end of what shall be restarted. */
function restartInterrupted({ random, machine, node }: Cast): [number, Action][] {
  return [
    [0, { do: 'slow', machine, startMs: 0, stopMs: 1_000, stubborn: true, forMs: 5_000 }],
    [200, { do: 'restart', client: random.integer(2), units: [...unitNames] }],
    [300 + random.integer(2_500), { do: 'crash', actor: node, forMs: 200 + random.integer(1_500) }],
  ];
}

/** An agent is stopped between asking whether it may start a unit and starting it, for longer than the lease lasts. */
function stoppedWhileStarting({ random, machine, node }: Cast): [number, Action][] {
  return [
    [0, { do: 'slow', machine, startMs: 2_000, stopMs: 0, stubborn: false, forMs: 5_000 }],
    [100, { do: 'restart', client: 0, units: unitNames.filter(isLeased) }],
    [300 + random.integer(1_500), { do: 'pause', actor: node, forMs: 9_000 + random.integer(4_000) }],
  ];
}

/** The leading store dies when what it was asked for is on the log, and is not answered. */
function storeDiesAtCommit({ random, everyStore }: Cast): [number, Action][] {
  const when = random.pick(['during', 'after']);
  const [fate, forMs] = [random.pick(['crash', 'pause']), 300 + random.integer(3_000)];
  return everyStore.map((actor): [number, Action] => [0, { do: 'trap', actor, on: 'log', when, fate, forMs }]);
}

/** A store is apart from the others, and its clients with it: what they read must not be older than what others wrote. */
function storeCutOff({ random, everyStore }: Cast): [number, Action][] {
  const store = everyStore[random.integer(everyStore.length)] ?? 'store-1';
  return [[0, { do: 'split', actors: [store], log: 'others', forMs: 4_000 + random.integer(5_000) }]];
}
