/** One run of the lab: units and commands while faults strike, and then the reckoning. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { foldUntil } from '../../shared/log/history.ts';
import type { Random } from '../../test/linearizability/record/random.ts';
import { checkLog } from './checks/acknowledged.ts';
import { endedWithoutCause, type FaultRecord, falseAlarms } from './checks/causes.ts';
import { findGaps, findOverlaps, type Overlap, readRuns } from './checks/counters.ts';
import { differences } from './checks/reality.ts';
import type { Fault, Strike, Weather } from './faults/fault.ts';
import type { Lab } from './lab.ts';
import type { LabReport } from './report.ts';
import { type StarvationWatch, watchStarvation } from './starvation.ts';
import { awaitWhole } from './whole.ts';
import { type CommandRecord, commandUnit } from './workload/commandStream.ts';
import { missingKeys, putKeys } from './workload/keyStream.ts';
import { changingUnits, type LabUnit, named, prepareRecord, recordDir, registerOfUnits } from './workload/units.ts';

export interface RunOptions {
  random: Random;
  durationMs: number;
  /** In what order they come; each in turn. */
  faults: readonly Fault[];
  /** What all links are like while the faults strike; absent: quick. */
  weather?: Weather;
  progress: (line: string) => void;
}

const unitsEach = 2;
const changing = 4;
const wholeTimeoutMs = 90_000;
const settleTimeoutMs = 30_000;
/** A stop that was asked for may take this long, the wait for the next leader included. */
const commandEffectMs = 20_000;
/** A unit that was not heard of for this long has ended. */
const silentS = 2;

export async function runLab(lab: Lab, options: RunOptions): Promise<LabReport> {
  const { random, weather, progress } = options;
  await prepareRecord(lab.seat);
  const register = registerOfUnits(lab.seat, unitsEach);
  const work = startWork(lab, random.fork());
  const starvation = watchStarvation(lab.machines.map(({ id }) => id));
  const from = Date.now();
  await weather?.begin();
  await launch(lab, register);
  // Until leases have become used to it, they may run out of it.
  const change = weather && { name: weather.name, what: 'all links', machines: [], leases: true, from, to: Date.now() };
  progress(`${register.length} units run; faults strike for ${Math.round(options.durationMs / 1000)} s`);
  const struck = await strikeInTurn(lab, register, { ...options, starvation });
  progress('the faults are over; comparing what was acknowledged, what the log says, and what runs');
  // The whole log is read now, which would fill slow links.
  await weather?.end();
  const done = await work.end();
  starvation.end();
  const report = await reckon(lab, register, {
    ...struck,
    ...done,
    excuses: [...starvation.moments, ...(change ? [change] : [])],
  });
  return { ...report, starved: starvation.moments.length };
}

async function launch(lab: Lab, register: readonly LabUnit[]): Promise<void> {
  const reply = await lab.client.command({ type: 'StartUnits', units: register.map(named) });
  if (!reply.ok) throw new Error(`the units were refused: ${reply.message} ${reply.details.join(' ')}`);
  const { missing } = await awaitWhole(lab, register, wholeTimeoutMs);
  if (missing !== null) throw new Error(`the lab does not come up: ${missing}`);
}

interface Work {
  end(): Promise<{ commands: CommandRecord[]; keys: string[] }>;
}

/** The clients that give commands and put keys, until they are told to end. */
function startWork(lab: Lab, random: Random): Work {
  const stop = new AbortController();
  const [commands, keys]: [CommandRecord[], string[]] = [[], []];
  const stream = { client: lab.client, signal: stop.signal, records: commands };
  const working = [
    ...changingUnits(lab.seat, changing).map((unit) => commandUnit(unit, { ...stream, random: random.fork() })),
    putKeys(lab.client.kv, stop.signal, keys),
  ];
  return {
    end: async () => {
      stop.abort();
      await Promise.all(working);
      return { commands, keys };
    },
  };
}

interface Struck {
  faults: FaultRecord[];
  /** From healing until all was well, ms. */
  recoveriesMs: number[];
  problems: string[];
}

/** One fault after the other, each when the one before is over and all is well again. */
async function strikeInTurn(
  lab: Lab,
  register: readonly LabUnit[],
  { random, durationMs, faults, progress, starvation }: RunOptions & { starvation: StarvationWatch },
): Promise<Struck> {
  const end = performance.now() + durationMs;
  const struck: Struck = { faults: [], recoveriesMs: [], problems: [] };
  for (let turn = 0; performance.now() < end; turn++) {
    const fault = faults[turn % faults.length];
    if (fault === undefined) break;
    const strike = await fault.aim(lab, random);
    const from = Date.now();
    const name = fault.name;
    await hold(strike, starvation);
    const { missing, afterMs } = await awaitWhole(lab, register, wholeTimeoutMs);
    struck.faults.push({ name, ...strike, from, to: Date.now() });
    struck.recoveriesMs.push(afterMs);
    const how = missing === null ? `well again after ${(afterMs / 1000).toFixed(1)} s` : `NOT WELL: ${missing}`;
    progress(`${name} (${strike.what}), ${(strike.holdMs / 1000).toFixed(1)} s: ${how}`);
    if (missing !== null) struck.problems.push(`after "${name}" (${strike.what}): ${missing}`);
    await sleep(500 + random.integer(1_000));
  }
  return struck;
}

async function hold({ begin, holdMs, heal, restarted = [] }: Strike, starvation: StarvationWatch): Promise<void> {
  await begin();
  await sleep(holdMs);
  await Promise.all([heal(), ...(restarted.length > 0 ? [starvation.tryStart(restarted)] : [])]);
}

async function reckon(
  lab: Lab,
  register: readonly LabUnit[],
  done: Struck & { commands: CommandRecord[]; keys: string[]; excuses: FaultRecord[] },
): Promise<Omit<LabReport, 'starved'>> {
  const { recoveriesMs, problems, commands, keys } = done;
  const faults = [...done.faults, ...done.excuses];
  const wrongPlaces = await settledDifferences(lab);
  const log = await lab.client.openLog();
  const { lost, machinesLost, commits } = await checkLog(log, commands);
  const runs = await readRuns(recordDir(lab.seat));
  const now = await bootClock();
  const alone = new Set(register.filter((unit) => unit.alone).map(({ name }) => name));
  const isAlone = (unit: string) => alone.has(unit);
  const ended = runs
    .filter(({ to }) => to < now.seconds - silentS)
    .map(({ unit, machine, to }) => ({ unit, machine, at: now.asWallClock(to) }));
  const commanded = commands.map(({ unit, sentAt, endedAt }) => ({
    unit,
    from: sentAt,
    to: endedAt + commandEffectMs,
  }));
  const registered = new Set(register.map(({ name }) => name));
  // A unit that is given up and started again may begin elsewhere while it still stops where it was.
  const isMeant = ({ unit, machines: [a, b] }: Overlap) => !registered.has(unit) && a !== b;
  const doubles = findOverlaps(runs).filter(
    (overlap) => !isMeant(overlap) && (isAlone(overlap.unit) || !isAllowed(overlap, faults, now.asWallClock)),
  );
  return {
    faults: done.faults,
    recoveriesMs,
    commands: {
      acknowledged: commands.filter(({ seq }) => seq !== null).length,
      unanswered: commands.filter(({ seq, refusal }) => seq === null && refusal === undefined).length,
      refused: commands.flatMap(({ refusal }) => refusal ?? []),
    },
    keys: { acknowledged: keys.length, lost: await missingKeys(lab.client.kv, keys) },
    commits,
    lost: lost.map(({ unit, wish, seq }) => `${unit} ${wish}, acknowledged at ${seq}`),
    stopped: endedWithoutCause(ended, { faults, commands: commanded, isAlone }).map(
      ({ unit, machine, at }) => `${unit} on ${machine} at ${new Date(at).toISOString()}`,
    ),
    falseAlarms: falseAlarms(machinesLost, faults).map(
      ({ machine, at, reason }) => `${machine} at ${new Date(at).toISOString()}: ${reason}`,
    ),
    doubles: doubles.map(
      ({ unit, machines, from, to }) =>
        `${unit} on ${machines.join(' and ')} for ${(to - from).toFixed(2)} s at ${new Date(now.asWallClock(from)).toISOString()}`,
    ),
    wrongPlaces,
    outagesS: findGaps(runs.filter(({ unit }) => registered.has(unit))).map(({ from, to }) => to - from),
    problems: [...problems, ...lab.surprises, ...unproved(commands, keys)],
  };
}

/** Where nobody was promised anything, that nothing is lost says nothing. */
function unproved(commands: readonly CommandRecord[], keys: readonly string[]): string[] {
  return [
    ...(commands.some(({ seq }) => seq !== null) ? [] : ['no command was acknowledged']),
    ...(keys.length > 0 ? [] : ['no key was acknowledged']),
  ];
}

/** What stays different when everything has had time to come to rest. */
async function settledDifferences(lab: Lab): Promise<string[]> {
  const log = await lab.client.openLog();
  const deadline = AbortSignal.timeout(settleTimeoutMs);
  for (;;) {
    const { projection } = await foldUntil(log, { seq: (await log.bounds()).last });
    const found = await differences(projection.state, lab);
    if (found.length === 0 || deadline.aborted) return found;
    await sleep(500);
  }
}

/** A machine that is away lets its units run, while the others have started them again: until it is back. */
function isAllowed(
  { machines: [a, b], to }: Overlap,
  faults: readonly FaultRecord[],
  asWallClock: (s: number) => number,
): boolean {
  const at = asWallClock(to);
  return (
    a !== b &&
    faults.some(
      ({ machines, from, to: until }) => from <= at && at <= until && machines.some((id) => id === a || id === b),
    )
  );
}

/** The clock that the units read, and how it compares with the wall clock. */
async function bootClock(): Promise<{ seconds: number; asWallClock: (seconds: number) => number }> {
  const seconds = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
  const bootedAt = Date.now() - seconds * 1000;
  return { seconds, asWallClock: (at) => bootedAt + at * 1000 };
}
