/** What a command on a unit has led to, in fleet's words. */
import type { DesiredState } from '../shared/domain/clusterState.ts';
import type { UnitStateView } from '../shared/domain/views.ts';
import type { Awaited as Aim, UnitDetails } from '../shared/protocol/queries.ts';
import { count, explain, placeOf, shortId, stateOf } from './words.ts';

export interface Outcome {
  /** What was wished for is so. */
  ok: boolean;
  lines: string[];
}

/** `until` is null where nothing was waited for. */
export function describeOutcome(unit: UnitDetails, until: Aim | null, timeoutS: number): Outcome {
  if (until !== null && !unit.settled) return stillUnderWay(unit, until, timeoutS);
  if (unit.file === undefined) return describeAbsent(unit, until);
  const { desired, global } = unit.file;
  if (until === null) return { ok: true, lines: [`Unit ${unit.name} ${unit.file.state}`] };
  if (desired === 'inactive') return { ok: true, lines: [`Unit ${unit.name} inactive`] };
  if (unit.states.every(({ machine }) => machine === null)) return unplaced(unit, desired);
  return global ? describeGlobal(unit, desired) : describeStates(unit, desired);
}

function describeAbsent({ name }: UnitDetails, until: Aim | null): Outcome {
  if (until === 'gone') return { ok: true, lines: [`Destroyed ${name}`] };
  return { ok: false, lines: [`Unit ${name} is not known any more: somebody destroyed it`] };
}

function describeStates({ name, states }: UnitDetails, desired: DesiredState): Outcome {
  const outcomes = states.map((state) => describeState(name, state, desired));
  return { ok: outcomes.every(({ ok }) => ok), lines: outcomes.flatMap(({ lines }) => lines) };
}

/** What has become of a reload. */
export function describeReload({ name, states }: UnitDetails): Outcome {
  const outcomes = states.map((state): Outcome => {
    const place = placeOf(state);
    if (state.reloadFailure !== undefined) {
      const line = `Unit ${name} runs on as before on ${place}, its reload failed: ${state.reloadFailure}`;
      return { ok: false, lines: [line] };
    }
    if (state.active === 'active') return { ok: true, lines: [`Unit ${name} reloaded on ${place}`] };
    return { ok: false, lines: [`Unit ${name} has ended on ${place}: ${explain(state)}`] };
  });
  return { ok: outcomes.every(({ ok }) => ok), lines: outcomes.flatMap(({ lines }) => lines) };
}

/** Machines on which all is well are counted, the others named. */
function describeGlobal({ name, states }: UnitDetails, desired: DesiredState): Outcome {
  const outcomes = states.map((state) => describeState(name, state, desired));
  const bad = outcomes.filter(({ ok }) => !ok);
  const good = outcomes.length - bad.length;
  const summary = good > 0 ? [`Unit ${name} ${desired} on ${count(good, 'machine')}`] : [];
  return { ok: bad.length === 0, lines: [...summary, ...bad.flatMap(({ lines }) => lines)] };
}

function describeState(name: string, state: UnitStateView, desired: DesiredState): Outcome {
  const place = placeOf(state);
  if (desired === 'launched' && isBroken(state)) {
    const how = state.active === 'activating' ? 'keeps failing' : 'failed';
    return {
      ok: false,
      lines: [`Unit ${name} ${how} on ${place}: ${explain(state)}; see: flotilla journal ${name}`],
    };
  }
  const ended = desired === 'launched' && state.active === 'inactive' ? ` and has ended: ${explain(state)}` : '';
  return { ok: true, lines: [`Unit ${name} ${desired} on ${place}${ended}`] };
}

/** Also one that `Restart=` will start once more, and one that an assert or another unit kept from starting. */
function isBroken({ load, active, result }: UnitStateView): boolean {
  return load === 'error' || active === 'failed' || active === 'activating' || keptDown.includes(result);
}

const keptDown = ['assert', 'dependency'];

function unplaced({ name, waiting }: UnitDetails, desired: DesiredState): Outcome {
  const machines = waiting?.machines ?? [];
  const why = machines.length === 0 ? ['no machine is ready'] : [];
  return {
    ok: false,
    lines: [
      `Unit ${name} has no machine:`,
      ...[...why, ...machines.map(({ id, reason }) => `${shortId(id)}: ${reason}`)].map((line) => `  ${line}`),
      `  it stays ${desired} and is placed as soon as a machine may take it`,
    ],
  };
}

const aims: Record<Aim, string> = {
  launched: 'launched',
  loaded: 'stopped',
  inactive: 'off its machine',
  gone: 'destroyed',
};

function stillUnderWay({ name, states }: UnitDetails, until: Aim, timeoutS: number): Outcome {
  const where = states.map((state) => {
    const place = state.machine === null ? 'without a machine' : `on ${placeOf(state)}`;
    return `  ${stateOf(state)} ${place}${state.reason === '' ? '' : `: ${state.reason}`}`;
  });
  return {
    ok: false,
    lines: [
      `Unit ${name} is not ${aims[until]} after ${timeoutS} s:`,
      ...(where.length > 0 ? where : ['  no machine has taken it up yet']),
      `  it goes on by itself; see: flotilla status ${name}`,
    ],
  };
}
