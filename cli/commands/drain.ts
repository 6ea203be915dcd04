import { delay } from '../../shared/clock/clock.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { UnitStateView } from '../../shared/domain/views.ts';
import type { DrainProgress } from '../../shared/protocol/queries.ts';
import { type Client, withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode, FailureError } from '../errors.ts';
import type { Io } from '../io.ts';
import { resolveMachines } from '../machineNames.ts';
import type { Invocation } from '../verb.ts';
import { count, explain, machineLabel, placeOf, stateOf } from '../words.ts';

const pollMs = 500;

/** Cordons a machine and moves what it has; the cluster goes on with that whether somebody waits for it or not. */
export function drain(call: Invocation): Promise<number> {
  const { io, options } = call;
  const mode = options.flag('force') ? 'at-once' : 'one-by-one';
  const reason = options.text('reason') ?? '';
  return withClient(call, async (client) => {
    const machines = await resolveMachines(client, call.args);
    for (const machine of machines) {
      const minSeq = await demand(client, { type: 'CordonMachines', machines: [machine.id], reason, drain: mode });
      if (!options.flag('block')) io.out(`Machine ${machineLabel(machine)} is being drained`);
      else await awaitDrained(client, io, machine, minSeq);
    }
    return exitCode.done;
  });
}

/** @throws {FailureError} it cannot go on by itself, or somebody has uncordoned the machine. */
async function awaitDrained(
  client: Client,
  io: Io,
  machine: { id: string; hostname: string },
  minSeq: number,
): Promise<void> {
  const label = machineLabel(machine);
  let before: string[] | null = null;
  for (;;) {
    const { data } = await client.query({ type: 'GetDrain', machine: machine.id }, { minSeq });
    const left = data.left.map(({ unit }) => unit);
    for (const unit of before?.filter((name) => !left.includes(name)) ?? []) io.out(`Unit ${unit} left ${label}`);
    before = left;
    if (data.cordon === undefined) throw new FailureError(`machine ${label} was uncordoned: its drain is over`);
    if (data.cordon.drain === 'done') break;
    const obstacles = obstaclesOf(data);
    if (obstacles.length > 0) throw cannotGoOn(label, left.length, obstacles);
    io.progress(`${label}: ${count(left.length, 'unit')} left${describeMove(data.onTheWay[0])}`);
    await delay(systemClock, pollMs);
  }
  io.progress(null);
  io.out(`Machine ${label} is drained: no unit is placed there any more`);
}

/** What somebody has to do something about. */
function obstaclesOf({ onTheWay, left }: DrainProgress): string[] {
  const failed = onTheWay.filter(({ active }) => active === 'failed');
  const homeless = onTheWay.filter(({ machine }) => machine === null);
  if (failed.length + homeless.length > 0) {
    return [
      ...failed.map((state) => `${state.unit} failed on ${placeOf(state)}: ${explain(state)}`),
      ...homeless.map(({ unit, reason }) => `${unit} has left and finds no machine: ${reason}`),
    ];
  }
  const stays = left.filter(({ waitsFor }) => waitsFor !== null);
  if (onTheWay.length > 0 || stays.length < left.length || stays.every(isLast)) return [];
  return stays.filter((unit) => !isLast(unit)).map(({ unit, waitsFor }) => `${unit}: ${waitsFor}`);
}

function isLast({ waitsFor }: DrainProgress['left'][number]): boolean {
  return waitsFor?.startsWith('it ') ?? false;
}

function cannotGoOn(label: string, left: number, obstacles: string[]): FailureError {
  const hints = [
    'it goes on by itself once that is mended; --force moves what is left at once, healthy or not',
    'to give it up: flotilla uncordon',
  ];
  return new FailureError(`the drain of ${label} waits, ${count(left, 'unit')} left`, {
    details: [...obstacles, ...hints],
  });
}

function describeMove(state: UnitStateView | undefined): string {
  return state === undefined ? '' : `; waiting for ${state.unit}: ${stateOf(state)} on ${placeOf(state)}`;
}
