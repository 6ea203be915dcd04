/** `Conflicts=` of [Unit]: on one machine, starting a unit stops those that it conflicts with. */
import type { UnitRecord } from '../../../shared/domain/clusterState.ts';
import { eventsBeside } from '../../../shared/domain/eventsBeside.ts';
import { rejectsBesideOpponents } from './filters.ts';
import { opponentsOf } from './opponents.ts';
import type { Ranked } from './ranking.ts';
import type { Destination, Work } from './work.ts';

/** For a unit that was just started, and has nowhere else to go. What runs on every machine is not stopped for it. */
export function pickBesideOpponents(work: Work, unit: UnitRecord, destination: Destination = {}): Ranked | undefined {
  return work.pick(unit, destination, (state, one, machine) => {
    const opponents = opponentsOf(state, one, machine.machine);
    const stays = opponents.find((other) => other.placement.global || other.goal === one.goal);
    return stays === undefined ? rejectsBesideOpponents(state, one, machine) : `${stays.name} stays there`;
  }).winner;
}

/** Makes the start of the unit the stop of those there that it conflicts with, and of what requires them. */
export function stopOpponents(work: Work, unit: UnitRecord, machine: string): void {
  for (const { name } of opponentsOf(work.state, unit, machine)) {
    const beside = eventsBeside(work.state, 'StopUnits', [{ name }]);
    const reason = `${unit.name}, which conflicts with it, was started`;
    work.apply({ type: 'UnitLoadRequested', unit: name, reason });
    for (const event of beside) if (event.type === 'UnitLoadRequested') work.apply(event);
  }
}
