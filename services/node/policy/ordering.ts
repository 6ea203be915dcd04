/**
 * What units on one machine have to do with each other's starts and stops: systemd.unit(5), and the order of systemd's jobs.
 * It knows names, relations and how units stand, not what kind of units they are.
 */
import type { Relations } from './relations.ts';

/** How a unit stands. */
export interface Standing {
  /**
   * `unknown`: it is being looked for what an earlier agent left. `restarting`: it waits for `Restart=` to start it
   * again.
   */
  phase: 'unknown' | 'down' | 'starting' | 'restarting' | 'up' | 'stopping';
  /** How its last run ended where it is down; `none`: it is not wished to run. */
  outcome: 'none' | 'success' | 'failure';
  /** What is wished of it and not done. */
  wish: 'start' | 'stop' | 'restart' | null;
  /** In words: `activating (start-pre)`. */
  state: string;
}

/** What a unit may do as far as others are concerned. */
export interface Gate {
  /** Why a start has to wait, or (`dependency`) fails for as long as this holds; null: it may start. */
  start: { kind: 'wait' | 'dependency'; reason: string } | null;
  /** Why a stop has to wait, or null. */
  stop: string | null;
  /** Why it must not run, or null. */
  down: string | null;
  /** Another unit of the machine that requires or wants it runs, or is about to. */
  needed: boolean;
}

export const openGate: Gate = { start: null, stop: null, down: null, needed: false };

/** Until it is known how the others stand. */
export const closedGate: Gate = {
  start: { kind: 'wait', reason: 'other units are looked at' },
  stop: 'other units are looked at',
  down: null,
  needed: true,
};

/** The gates of all units that have to do with others. */
export function gatesOf(relations: Relations, standings: ReadonlyMap<string, Standing>): Map<string, Gate> {
  const gates = new Map<string, Gate>();
  // Who fails may let others fail: it grows, so that it comes to an end.
  for (let failing = -1, before = -2; failing !== before; ) {
    before = failing;
    const at = new Standings(standings, gates);
    for (const name of relations.names) gates.set(name, gateOf(name, relations, at));
    failing = [...gates.values()].filter(({ start }) => start?.kind === 'dependency').length;
  }
  return gates;
}

/** How the others stand, those that cannot start counting as failed. */
class Standings {
  readonly #standings: ReadonlyMap<string, Standing>;
  readonly #failed: ReadonlySet<string>;
  readonly #pulledDown: ReadonlySet<string>;

  constructor(standings: ReadonlyMap<string, Standing>, gates: ReadonlyMap<string, Gate>) {
    this.#standings = standings;
    this.#failed = new Set([...gates].filter(([, { start }]) => start?.kind === 'dependency').map(([name]) => name));
    this.#pulledDown = new Set([...gates].filter(([, { down }]) => down !== null).map(([name]) => name));
  }

  of(name: string): Standing | null {
    const standing = this.#standings.get(name);
    if (!standing) return null;
    const { phase, wish } = standing;
    if (phase === 'down' && wish === 'start' && this.#failed.has(name)) {
      return { ...standing, wish: null, outcome: 'failure', state: 'inactive (dead), for want of what it requires' };
    }
    return phase !== 'down' && wish === null && this.#pulledDown.has(name) ? { ...standing, wish: 'stop' } : standing;
  }
}

function gateOf(name: string, relations: Relations, at: Standings): Gate {
  return {
    start: startGate(name, relations, at),
    stop: stopGate(name, relations, at),
    down: mustBeDown(name, relations, at),
    needed: relations.neededBy(name).some((other) => isRunning(at.of(other))),
  };
}

function startGate(name: string, relations: Relations, at: Standings): Gate['start'] {
  const { after, before } = relations;
  let waits: Gate['start'] = null;
  for (const other of after(name)) {
    const gate = behind(name, other, relations, at);
    if (gate?.kind === 'dependency') return gate;
    waits ??= gate;
  }
  const others = (related: readonly string[]) => related.filter((other) => !after(name).includes(other));
  for (const other of others(relations.requisite(name))) {
    const standing = at.of(other);
    if (standing && isLost(standing)) return failure(other, 'requires', standing);
  }
  for (const other of others(relations.bindsTo(name))) {
    const standing = at.of(other);
    if (standing && isLost(standing)) return failure(other, 'is bound to', standing);
  }
  // Stops go before starts, in whichever order the units are.
  const stopping = before(name).find((other) => isStopping(at.of(other)));
  return waits ?? (stopping === undefined ? null : wait(`waiting for ${stopping}, which has to stop first`));
}

/** What a unit that comes after the other one has to wait for, or fails with. */
function behind(name: string, other: string, relations: Relations, at: Standings): Gate['start'] {
  const standing = at.of(other);
  if (!standing) return null;
  const { phase, wish, outcome, state } = standing;
  const isBound = relations.bindsTo(name).includes(other);
  const isAsked = relations.requisite(name).includes(other);
  const isRequired = isBound || isAsked || relations.requires(name).includes(other);
  if (phase === 'unknown') return wait(`waiting for ${other}: it is being looked whether it runs`);
  if (wish === 'start' || phase === 'starting') return wait(`waiting for ${other}, which is ${state}`);
  if (wish === 'restart') return wait(`waiting for ${other}, which is being restarted`);
  if (isStopping(standing) || phase === 'stopping') return wait(`waiting for ${other}, which is being stopped`);
  if (phase === 'restarting') return isRequired ? wait(`waiting for ${other}, which is ${state}`) : null;
  if (phase === 'up' || !isRequired) return null;
  // A oneshot that has done its work is not active any more, and yet was started: that is enough for Requires= alone.
  if (outcome === 'success' && !isBound && !isAsked) return null;
  return failure(other, isBound ? 'is bound to' : 'requires', standing);
}

function stopGate(name: string, { before }: Relations, at: Standings): string | null {
  const first = before(name).find((other) => isStopping(at.of(other)));
  return first === undefined ? null : `waiting for ${first}, which has to stop first`;
}

function mustBeDown(name: string, { bindsTo }: Relations, at: Standings): string | null {
  for (const other of bindsTo(name)) {
    const standing = at.of(other);
    if (standing && isLost(standing)) return `${other}, which it is bound to, is ${standing.state}`;
  }
  return null;
}

/** It does not run, nor is it about to because somebody wishes it. */
function isLost({ phase, wish }: Standing): boolean {
  return phase === 'stopping' || phase === 'restarting' || (phase === 'down' && wish !== 'start' && wish !== 'restart');
}

/** It runs, or is about to. */
function isRunning(standing: Standing | null): boolean {
  return standing !== null && (standing.wish === 'start' || ['starting', 'restarting', 'up'].includes(standing.phase));
}

/** Something of it runs, and is to stop. */
function isStopping(standing: Standing | null): boolean {
  if (!standing || !['starting', 'up', 'stopping'].includes(standing.phase)) return false;
  return standing.wish === 'stop' || standing.wish === 'restart';
}

function wait(reason: string): Gate['start'] {
  return { kind: 'wait', reason };
}

function failure(other: string, verb: string, { outcome, state }: Standing): Gate['start'] {
  const how = outcome === 'none' ? 'is not started' : `is ${state}`;
  return { kind: 'dependency', reason: `${other}, which it ${verb}, ${how}` };
}
