/** What lies between the actors, and between them and the log: who reaches whom, how long it takes, what gets lost. */
import type { Carriage } from '../../shared/bus/memoryBus.ts';
import type { Random } from '../linearizability/record/random.ts';
import type { Fault } from './schedule.ts';

/** The log as a party on the roads. */
export const logParty = 'log';
/** What keeps messages of the bus on the log's servers. */
export const keeperParty = 'log-keeper';

type RoadFault = Extract<Fault, { do: 'deafen' | 'split' | 'part' | 'weather' }>;

const calmMs = 3;

export class Roads implements Carriage {
  readonly #random: Random;
  readonly #faults = new Set<RoadFault>();
  #waiting: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  begin(fault: RoadFault): void {
    this.#faults.add(fault);
  }

  end(fault: RoadFault): void {
    this.#faults.delete(fault);
    this.wake();
  }

  /** Something has been healed. */
  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Servers that have lost each other know nothing of each other's clients. */
  knows(from: string, to: string): boolean {
    for (const fault of this.#faults) if (areApart(fault, from, to)) return false;
    return true;
  }

  /** Whether anything gets from one to the other at all. */
  reaches(from: string, to: string): boolean {
    for (const fault of this.#faults) {
      if (areApart(fault, from, to)) return false;
      if (fault.do !== 'deafen' || isSpared(fault, from, to)) continue;
      if (fault.direction !== 'down' && fault.actors.includes(from)) return false;
      if (fault.direction !== 'up' && fault.actors.includes(to)) return false;
    }
    return true;
  }

  travel(from: string, to: string): number[] {
    if (!this.reaches(from, to)) return [];
    const { loss, repeat, latencyMs } = this.#weather(from === logParty || to === logParty);
    if (loss > 0 && this.#random.chance(loss)) return [];
    const once = this.#draw(latencyMs);
    return repeat > 0 && this.#random.chance(repeat) ? [once, this.#draw(latencyMs)] : [once];
  }

  /** Of what comes from the log. */
  latencyMs(): number {
    return this.#draw(this.#weather(true).latencyMs);
  }

  #draw(latencyMs: number): number {
    return 1 + this.#random.integer(latencyMs);
  }

  /** Resolves at the next {@link wake}. */
  healed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #weather(isLog: boolean): { loss: number; repeat: number; latencyMs: number } {
    const worst = { loss: 0, repeat: 0, latencyMs: calmMs };
    for (const fault of this.#faults) {
      if (fault.do !== 'weather' || (isLog && fault.only === 'bus')) continue;
      worst.loss = Math.max(worst.loss, fault.loss);
      worst.repeat = Math.max(worst.repeat, fault.repeat);
      worst.latencyMs = Math.max(worst.latencyMs, fault.latencyMs);
    }
    return worst;
  }
}

/** Nothing gets from one to the other, and the servers of either know it. */
function areApart(fault: RoadFault, from: string, to: string): boolean {
  switch (fault.do) {
    case 'split': {
      const side = (party: string) => (isOfLog(party) ? fault.log : fault.actors.includes(party) ? 'these' : 'others');
      return side(from) !== side(to);
    }
    case 'part': {
      const { these, those } = fault;
      return (these.includes(from) && those.includes(to)) || (those.includes(from) && these.includes(to));
    }
    default:
      return false;
  }
}

function isOfLog(party: string): boolean {
  return party === logParty || party === keeperParty;
}

/** Of the bus and the log, only the other one is deaf. */
function isSpared({ only }: Extract<RoadFault, { do: 'deafen' }>, from: string, to: string): boolean {
  return only !== undefined && (only === 'log') !== (from === logParty || to === logParty);
}
