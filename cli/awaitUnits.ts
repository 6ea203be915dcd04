import { type Clock, delay } from '../shared/clock/clock.ts';
import type { Awaited as Aim, UnitDetails } from '../shared/protocol/queries.ts';
import type { Client } from './client.ts';
import { placeOf, stateOf } from './words.ts';

export interface Wait {
  names: readonly string[];
  until: Aim;
  /** The sequence from which on the effect of the command can be seen. */
  minSeq: number;
  timeoutMs: number;
  clock: Clock;
  /** Told what is still being waited for. */
  onProgress: (line: string) => void;
}

/** How long a scheduler holds an answer back; then there is something new to show, or to give up. */
const pollMs = 1_000;
/** What cannot work mostly ends within this. */
const steadyMs = 100;
/** Answers are to stay well below what a NATS server takes. */
const unitsPerQuery = 200;

/** Waits until all units have come to rest, or time is up; resolves with how they are then, in the order of the names. */
export async function awaitUnits(client: Client, wait: Wait): Promise<UnitDetails[]> {
  const { names, timeoutMs, clock } = wait;
  const deadline = clock.monotonicNow() + timeoutMs;
  const found = new Map<string, UnitDetails>();
  for (let at = 0; at < names.length; at += unitsPerQuery) {
    const chunk = names.slice(at, at + unitsPerQuery);
    for (let open: readonly string[] = chunk; open.length > 0; ) {
      const leftMs = Math.max(0, deadline - clock.monotonicNow());
      const units = await askOnce(client, wait, open, Math.min(pollMs, leftMs));
      for (const unit of units) found.set(unit.name, unit);
      open = leftMs === 0 ? [] : units.filter(({ settled }) => !settled).map(({ name }) => name);
      if (open.length > 0) wait.onProgress(await describeProgress(client, units, names.length - at - chunk.length));
    }
  }
  return names.flatMap((name) => found.get(name) ?? []);
}

/**
 * The same, but a moment later still: a Type=simple service counts as running as soon as its process is there
 * (systemd.service(5)), also one that ends at once because it cannot work.
 */
export async function awaitSteady(client: Client, wait: Wait): Promise<UnitDetails[]> {
  const { clock, timeoutMs } = wait;
  const started = clock.monotonicNow();
  const found = await awaitUnits(client, wait);
  const leftMs = timeoutMs - (clock.monotonicNow() - started);
  if (leftMs < steadyMs || !found.some(isRunning)) return found;
  await delay(clock, steadyMs);
  return awaitUnits(client, { ...wait, timeoutMs: leftMs - steadyMs });
}

function isRunning({ states }: UnitDetails): boolean {
  return states.some(({ active }) => active === 'active');
}

async function askOnce(client: Client, wait: Wait, units: readonly string[], timeoutMs: number) {
  const { until, minSeq } = wait;
  const body = { type: 'WaitUnits' as const, units: [...units], until, timeoutMs: Math.round(timeoutMs) };
  return (await client.query(body, { minSeq })).data.units;
}

/** `waiting for redis.service: activating (start-pre) on 113f16a7…/10.0.0.1, and 3 more`. */
async function describeProgress(client: Client, units: readonly UnitDetails[], later: number): Promise<string> {
  const open = units.filter(({ settled }) => !settled);
  const [first] = open;
  const state = first?.states[0];
  // What takes so long says more than the state, and terminals are narrow.
  const busy = await activityOf(client, first);
  const how = state === undefined ? 'nothing is known yet' : `${busy ?? stateOf(state)} on ${placeOf(state)}`;
  const more = open.length - 1 + later;
  return `waiting for ${first?.name}: ${how}${more > 0 ? `, and ${more} more` : ''}`;
}

/** `pulling redis:7: 2 of 6 layers`: what takes so long where the unit is being started; null: nothing is known of it. */
async function activityOf(client: Client, unit: UnitDetails | undefined): Promise<string | null> {
  const [state] = unit?.states ?? [];
  if (!unit || !state || state.machine === null || state.active !== 'activating') return null;
  return client.activity(state.machine, unit.name);
}
