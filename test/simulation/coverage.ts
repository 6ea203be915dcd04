/** What a run has really gone through: how often each fault, and each situation that is rare, was there. */
import type { Event } from '../../shared/domain/events.ts';

export type Counts = Record<string, number>;

/** Situations that a search should reach; one that is not listed is counted all the same. */
export const situations = [
  'elections after the first',
  'machines lost',
  'machines that left or were replaced',
  'leases that ended by time',
  'leases given back',
  'leased units stopped for want of a lease',
  'leased units killed by the guard',
  'moved units that waited for their copy',
  'copies that were waited for in vain',
  'units adopted',
  'nodes that told everything anew',
  'agents that are waited for while they make room',
  'appends whose outcome was unknown',
  'appends that were fenced',
  'appends that were refused',
  'snapshots saved',
  'snapshots taken up',
  'commands answered after another leader came',
  'faults that overlap another one',
  'faults of an actor that overlap',
] as const;

export type Situation = (typeof situations)[number];

export class Coverage {
  readonly counts: Counts = {};

  note(what: Situation | `fault ${string}`): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  event(event: Event): void {
    const situation = situationOf(event);
    if (situation !== null) this.note(situation);
  }
}

function situationOf(event: Event): Situation | null {
  switch (event.type) {
    case 'LeaderElected':
      return event.epoch > 1 ? 'elections after the first' : null;
    case 'MachineLost':
      return 'machines lost';
    case 'MachineLeft':
      return 'machines that left or were replaced';
    case 'UnitLeaseEnded':
      return event.reason.startsWith('its lease is over') ? 'leases that ended by time' : 'leases given back';
    case 'UnitAwaitEnded':
      return event.reason.startsWith('it should have')
        ? 'copies that were waited for in vain'
        : 'moved units that waited for their copy';
    case 'NodeSynced':
      return event.reason.startsWith('the log said') ? 'nodes that told everything anew' : null;
    case 'UnitStateReported':
      return event.reason.startsWith('adopted') ? 'units adopted' : null;
    default:
      return null;
  }
}

export function addCounts(total: Counts, more: Counts): void {
  for (const [what, count] of Object.entries(more)) total[what] = (total[what] ?? 0) + count;
}

/** Lines of a table; what a search should have reached, and did not, stands in it with a 0. */
export function describeCoverage(counts: Counts, faults: readonly string[]): string[] {
  const wanted = [...faults.map((fault) => `fault ${fault}`), ...situations];
  const names = [...wanted, ...Object.keys(counts).filter((name) => !wanted.includes(name))];
  return names.map((name) => `${String(counts[name] ?? 0).padStart(9)}  ${name}`);
}
