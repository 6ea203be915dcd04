/** What each fault does to a cluster, what undoes it, and whose silence it explains. */
import type { Actor } from './actor.ts';
import type { Machine } from './machine.ts';
import type { Roads } from './roads.ts';
import { type Fault, nodeOf } from './schedule.ts';
import type { Logs } from './startActors.ts';

export interface Effect {
  begin: () => void;
  end: () => void;
  /** Actors that something is wrong with meanwhile. */
  troubles: readonly string[];
}

/** What is struck. */
export interface Struck {
  actors: ReadonlyMap<string, Actor>;
  machines: readonly Machine[];
  roads: Roads;
  logs: Logs;
  strike(fault: Fault): void;
  /** Who leads has heard that the machine's agent makes room. */
  makesRoom(machine: string): void;
  /** Its agent was told to stop all units, and to leave. */
  leaves(machine: string): void;
  /** The agent that was told so has ended. */
  hasEnded(machine: string): void;
}

/** Nobody is to be blamed for being silent. */
export const everybody = '*';

export function effectOf(fault: Fault, struck: Struck): Effect {
  const { actors, machines, roads, logs } = struck;
  const machineOf = (id: string) => machines.find((machine) => machine.id === id) ?? machines[0];
  const effect = (begin: () => void, end: () => void, ...troubles: string[]) => ({ begin, end, troubles });
  const nothing = () => undefined;
  switch (fault.do) {
    case 'crash': {
      const actor = actors.get(fault.actor);
      return effect(
        () => actor?.crash(),
        () => actor?.revive(),
        fault.actor,
      );
    }
    case 'handOver': {
      const node = actors.get(nodeOf(fault.machine));
      return effect(
        () => node?.handOver(() => struck.makesRoom(fault.machine)),
        () => node?.revive(),
        nodeOf(fault.machine),
      );
    }
    case 'leave': {
      const node = actors.get(nodeOf(fault.machine));
      const tell = () => {
        if (node?.isAlive) struck.leaves(fault.machine);
        // Until then it has to be heard.
        node?.terminate(() => struck.hasEnded(fault.machine));
      };
      return effect(tell, () => node?.revive());
    }
    case 'pause': {
      const actor = actors.get(fault.actor);
      return effect(
        () => actor?.pause(),
        () => actor?.resume(),
        fault.actor,
      );
    }
    case 'trap': {
      const actor = actors.get(fault.actor);
      const { on, when, fate, forMs } = fault;
      const trap = { on, when, spring: () => struck.strike({ do: fate, actor: fault.actor, forMs }) };
      return effect(
        () => actor?.setTrap(trap),
        () => actor?.removeTrap(trap),
      );
    }
    case 'disconnect': {
      const actor = actors.get(fault.actor);
      return effect(
        () => actor?.disconnect(),
        () => actor?.reconnect(),
        fault.actor,
      );
    }
    case 'loseAnswers': {
      const actor = actors.get(fault.actor);
      return effect(
        () => actor?.loseAnswers(fault.appends),
        () => actor?.giveAnswers(fault.appends),
      );
    }
    case 'jump': {
      const actor = actors.get(fault.actor);
      return effect(
        () => actor?.clock.jump(fault.byMs),
        () => actor?.clock.jump(-fault.byMs),
      );
    }
    case 'drift': {
      const actor = actors.get(fault.actor);
      return effect(
        () => actor?.clock.setRate(1 + fault.by),
        () => actor?.clock.setRate(1),
      );
    }
    case 'deafen':
      return effect(
        () => roads.begin(fault),
        () => roads.end(fault),
        // Who leads may not have heard the others.
        ...(fault.actors.some((actor) => actor.startsWith('scheduler')) ? [everybody] : fault.actors),
      );
    case 'part':
      return effect(
        () => roads.begin(fault),
        () => roads.end(fault),
        ...unheard(fault.these, fault.those),
        ...unheard(fault.those, fault.these),
      );
    case 'split':
    case 'weather':
      return effect(
        () => roads.begin(fault),
        () => roads.end(fault),
        everybody,
      );
    case 'logAway':
      return effect(
        () => setLogs(logs, 'away'),
        () => setLogs(logs, 'there'),
      );
    case 'logFull':
      return effect(
        () => setLogs(logs, 'full'),
        () => setLogs(logs, 'room'),
      );
    case 'power': {
      const node = actors.get(nodeOf(fault.machine));
      const cut = () => {
        node?.crash(true);
        machineOf(fault.machine)?.losePower();
      };
      return effect(cut, () => node?.revive(), nodeOf(fault.machine));
    }
    case 'engine':
      return effect(
        () => machineOf(fault.machine)?.engineDies(),
        () => machineOf(fault.machine)?.engineReturns(),
      );
    case 'engineAway':
      return effect(
        () => machineOf(fault.machine)?.engineLeaves(),
        () => machineOf(fault.machine)?.engineReturns(),
      );
    case 'engineHangs':
      return effect(
        () => machineOf(fault.machine)?.engineHangs(),
        () => machineOf(fault.machine)?.engineAnswers(),
      );
    case 'diskFull':
      return effect(
        () => machineOf(fault.machine)?.diskFills(),
        () => machineOf(fault.machine)?.diskHasRoom(),
      );
    case 'end':
      return effect(() => endProcess(machines, fault), nothing);
    case 'slow': {
      const machine = machineOf(fault.machine);
      const pace = { startMs: fault.startMs, stopMs: fault.stopMs, stubborn: fault.stubborn };
      const end = () => machine?.paces.splice(machine.paces.indexOf(pace), 1);
      return effect(() => machine?.paces.push(pace), end);
    }
    default:
      return fault satisfies never;
  }
}

/** Those of `these` that a scheduler among `those` does not hear. */
function unheard(these: readonly string[], those: readonly string[]): readonly string[] {
  return those.some((actor) => actor.startsWith('scheduler')) ? these : [];
}

function endProcess(machines: readonly Machine[], { machine, unit, code }: Extract<Fault, { do: 'end' }>): void {
  for (const main of machines.find(({ id }) => id === machine)?.mains.values() ?? [])
    if (main.unit === unit) main.process.end({ kind: 'exited', code });
}

function setLogs(logs: Logs, to: 'away' | 'there' | 'full' | 'room'): void {
  for (const log of Object.values(logs)) {
    if (to === 'away' || to === 'there') log.setAvailable(to === 'there');
    else log.setFull(to === 'full' ? 'no space left on the disk' : null);
  }
}
