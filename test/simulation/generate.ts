import { createRandom, type Random } from '../linearizability/record/random.ts';
import { drawPlots } from './plots.ts';
import {
  type Action,
  actorsOf,
  clientNames,
  type Fault,
  machineName,
  type Operation,
  type Schedule,
  type TimedAction,
} from './schedule.ts';
import { unitNames } from './units.ts';

/** The bad day that a seed stands for. */
export function generateSchedule(seed: number): Schedule {
  const random = createRandom(seed);
  const shape = {
    seed,
    machines: 2 + random.integer(3),
    schedulers: random.pick([1, 2, 2, 3, 3]),
    stores: random.chance(0.2) ? 3 : 0,
    ...(random.chance(0.3) ? { snapshotEvery: random.pick([5, 20, 50]) } : {}),
    endMs: 40_000,
  };
  const schedule: Schedule = { ...shape, actions: [] };
  const actions: TimedAction[] = [firstStart()];
  const gapMs = random.pick([1_000, 2_000, 4_000]);
  for (let atMs = 1_000; atMs < shape.endMs; atMs += 1 + random.integer(2 * gapMs))
    actions.push({ atMs, ...operation(random, schedule) });
  // Each seed has its own kinds of trouble: where everything happens at once, little of it is seen.
  const kinds = Array.from({ length: 1 + random.integer(4) }, () => random.pick(faultKinds));
  const [first = 'crash', ...others] = kinds;
  const meanMs = random.pick([1_500, 3_000, 6_000]);
  const victim = random.chance(0.4) ? random.pick(actorsOf(schedule) as [string, ...string[]]) : null;
  for (let atMs = 3_000; atMs < shape.endMs; atMs += 1 + random.integer(2 * meanMs))
    actions.push({ atMs, ...fault(random, schedule, random.pick([first, ...others]), victim) });
  const { plot, actions: plotted } = drawPlots(random, schedule);
  actions.push(...plotted);
  actions.push(...handOvers(createRandom(seed ^ 0x516875), schedule));
  actions.push(...fullDisks(createRandom(seed ^ 0xd15c), schedule));
  actions.push(...hangingEngines(createRandom(seed ^ 0xe4619e), schedule));
  actions.push(...departures(createRandom(seed ^ 0x1eafe), schedule));
  actions.push(...lostRoutes(createRandom(seed ^ 0x9a57), schedule));
  return { ...schedule, ...(plot ? { plot: plot.name } : {}), actions: actions.toSorted((a, b) => a.atMs - b.atMs) };
}

function firstStart(): TimedAction {
  return { atMs: 500, do: 'start', client: 0, units: [...unitNames] };
}

/** On some days agents are replaced, one or several times: drawn for themselves, whatever else befalls the cluster. */
function handOvers(random: Random, { machines, endMs }: Schedule): TimedAction[] {
  if (!random.chance(0.25)) return [];
  return Array.from({ length: 1 + random.integer(3) }, () => ({
    ...{ atMs: 3_000 + random.integer(endMs - 3_000), do: 'handOver' as const },
    ...{ machine: machineName(1 + random.integer(machines)), forMs: random.pick([300, 1_000, 2_500, 5_000]) },
  }));
}

/** On some days a node's disk is full for a while: drawn for themselves, too. */
function fullDisks(random: Random, { machines, endMs }: Schedule): TimedAction[] {
  if (!random.chance(0.2)) return [];
  return Array.from({ length: 1 + random.integer(2) }, () => ({
    ...{ atMs: 1_000 + random.integer(endMs - 1_000), do: 'diskFull' as const },
    ...{ machine: machineName(1 + random.integer(machines)), forMs: random.pick([1_000, 5_000, 10_000]) },
  }));
}

/** On some days an engine hangs, now and then: the same. */
function hangingEngines(random: Random, { machines, endMs }: Schedule): TimedAction[] {
  if (!random.chance(0.2)) return [];
  return Array.from({ length: 1 + random.integer(4) }, () => ({
    ...{ atMs: 300 + random.integer(endMs - 300), do: 'engineHangs' as const },
    ...{ machine: machineName(1 + random.integer(machines)), forMs: random.pick([500, 2_500, 10_000, 20_000]) },
  }));
}

/** On some days agents are told to stop and leave, and come again: the same. */
function departures(random: Random, { machines, endMs }: Schedule): TimedAction[] {
  if (!random.chance(0.2)) return [];
  return Array.from({ length: 1 + random.integer(3) }, () => ({
    ...{ atMs: 1_000 + random.integer(endMs - 1_000), do: 'leave' as const },
    ...{ machine: machineName(1 + random.integer(machines)), forMs: random.pick([300, 2_500, 10_000]) },
  }));
}

/** On some days the route between two servers is lost, now and then: the same. Everybody is a client of one of three. */
function lostRoutes(random: Random, schedule: Schedule): TimedAction[] {
  if (!random.chance(0.2)) return [];
  const servers: [string[], string[], string[]] = [[], [], []];
  for (const party of [...actorsOf(schedule), ...clientNames]) random.pick(servers).push(party);
  return Array.from({ length: 1 + random.integer(3) }, () => {
    const [these, those] = random.pick([
      [servers[0], servers[1]],
      [servers[1], servers[2]],
      [servers[2], servers[0]],
    ] as const);
    return {
      ...{ atMs: 1_000 + random.integer(schedule.endMs - 1_000), do: 'part' as const, these, those },
      forMs: random.pick([500, 2_500, 10_000, 20_000]),
    };
  });
}

function operation(random: Random, { machines }: Schedule): Operation {
  const client = random.integer(2);
  const units = [random.pick(unitNames), ...(random.chance(0.3) ? [random.pick(unitNames)] : [])];
  const machine = machineName(1 + random.integer(machines));
  const draw = random.integer(100);
  if (draw < 25) return { do: 'start', client, units };
  if (draw < 35) return { do: 'stop', client, units };
  if (draw < 42) return { do: 'load', client, units };
  if (draw < 49) return { do: 'unload', client, units };
  if (draw < 57) return { do: 'destroy', client, units };
  if (draw < 67) return { do: 'restart', client, units };
  if (draw < 72) return { do: 'submit', client, units };
  if (draw < 78) return { do: 'replace', client, units, version: 2 + random.integer(3) };
  if (draw < 83) return { do: 'move', client, units };
  if (draw < 85) return { do: 'drain', client, machine };
  if (draw < 87) return { do: 'cordon', client, machine };
  if (draw < 89) return { do: 'uncordon', client, machine };
  if (draw < 92) return { do: 'rebalance', client };
  if (draw < 95) return { do: 'rollOut', client, units, version: 2 + random.integer(3) };
  if (draw < 97) return { do: 'zone', client, machine, zone: random.pick(['a', 'a', 'b', null]) };
  if (draw < 98) return { do: 'forget', client, machine };
  return { do: 'status', client };
}

const faultKinds = [
  ...([
    'trap',
    'trap',
    'crash',
    'crash',
    'pause',
    'disconnect',
    'deafen',
    'deafen',
    'split',
    'weather',
    'weather',
  ] as const),
  ...(['logAway', 'logFull', 'loseAnswers', 'loseAnswers', 'power', 'engine', 'engineAway'] as const),
  ...(['end', 'slow', 'jump', 'drift'] as const),
] as const satisfies readonly [Fault['do'], ...Fault['do'][]];

/** As they are counted. */
export const kindsOfFaults: readonly string[] = [
  ...new Set<string>([...faultKinds, 'handOver', 'leave', 'diskFull', 'engineHangs', 'part']),
].filter((kind) => kind !== 'trap');

/** @param victim whom most of it befalls, so that one trouble of it overlaps with the next; null: anybody. */
function fault(random: Random, schedule: Schedule, kind: (typeof faultKinds)[number], victim: string | null): Action {
  const [some = '', ...others] = actorsOf(schedule);
  const isVictims = victim !== null && random.chance(0.7);
  const actor = isVictims ? victim : random.pick([some, ...others]);
  const several = () => [some, ...others].filter(() => random.chance(0.4));
  const machine =
    isVictims && victim.startsWith('node')
      ? machineName(Number(victim.slice('node-'.length)))
      : machineName(1 + random.integer(schedule.machines));
  const forMs = random.pick([100, 500, 1_000, 2_500, 5_000, 10_000]) + random.integer(500);
  switch (kind) {
    case 'crash':
    case 'pause':
    case 'disconnect':
      return { do: kind, actor, forMs };
    case 'trap': {
      const [on, when] = [random.pick(['fence', 'log']), random.pick(['before', 'during', 'after'])];
      return { do: kind, actor, on, when, fate: random.pick(['crash', 'crash', 'pause']), forMs };
    }
    case 'deafen':
      return {
        ...{ do: kind, direction: random.pick(['up', 'down', 'both']) },
        actors: random.chance(0.7) ? [actor] : several(),
        ...(random.chance(0.3) ? { only: random.pick(['bus', 'log']) } : {}),
        forMs,
      };
    case 'split': {
      const someClients = clientNames.filter(() => random.chance(0.3));
      const log = random.pick(['these', 'others', 'neither']);
      return { do: kind, actors: [...several(), ...someClients], log, forMs };
    }
    case 'weather':
      return {
        ...{ do: kind, loss: random.pick([0, 0.05, 0.3]), repeat: random.pick([0, 0.1, 0.3]) },
        ...{ latencyMs: random.pick([10, 100, 400]), forMs },
      };
    case 'logAway':
    case 'logFull':
      return { do: kind, forMs };
    case 'loseAnswers':
      return { do: kind, actor, appends: random.pick(['stored', 'late', 'lost']), forMs };
    case 'power':
    case 'engine':
    case 'engineAway':
      return { do: kind, machine, forMs };
    case 'end':
      return { do: kind, machine, unit: random.pick(unitNames), code: random.integer(2), forMs: 0 };
    case 'slow': {
      const [startMs, stopMs] = [random.pick([0, 200, 2_000]), random.pick([0, 200, 2_000])];
      return { do: kind, machine, startMs, stopMs, stubborn: random.chance(0.3), forMs };
    }
    case 'jump':
      return { do: kind, actor, byMs: random.pick([-3_600_000, -1_000, 1_000, 3_600_000]), forMs };
    case 'drift':
      return { do: kind, actor, by: random.pick([-0.01, -0.001, 0.001, 0.01]), forMs };
    default:
      return kind satisfies never;
  }
}
