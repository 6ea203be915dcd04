/** Whether a lab is well: every machine ready, every registered unit running in its one place, and nowhere else. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureError } from '../../cli/errors.ts';
import { runningCounters } from './checks/reality.ts';
import type { Lab } from './lab.ts';
import { type LabUnit, recordDir } from './workload/units.ts';

/** On slow links a proof of leadership alone takes two seconds. */
const askMs = 10_000;
const pollMs = 50;

/** Longer than a machine may be silent before it is missed, or a lease lasts that nobody renews: so long all must stay well. */
const steadyMs = 3_000;

export interface Wholeness {
  /** Null: nothing. */
  missing: string | null;
  /** How long it took until all was well and stayed so, or was given up, ms. */
  afterMs: number;
}

/** Waits until all is well and stays so; gives up when something is missing after `timeoutMs`. */
export async function awaitWhole(lab: Lab, units: readonly LabUnit[], timeoutMs: number): Promise<Wholeness> {
  const begun = performance.now();
  let well: number | null = null;
  for (;;) {
    const missing = await whatIsMissing(lab, units);
    const now = performance.now();
    if (missing === null) {
      well ??= now;
      if (now - well >= steadyMs) return { missing, afterMs: well - begun };
    } else {
      well = null;
      if (now - begun >= timeoutMs) return { missing, afterMs: now - begun };
    }
    await sleep(pollMs);
  }
}

async function whatIsMissing({ client, machines, seat }: Lab, units: readonly LabUnit[]): Promise<string | null> {
  try {
    const options = { leader: true, patienceMs: askMs };
    const [there, rows] = await Promise.all([
      client.query({ type: 'ListMachines' }, options).then(({ data }) => data.machines),
      client.query({ type: 'ListUnits' }, options).then(({ data }) => data.units),
    ]);
    const away = machines.find(({ id }) => there.find((machine) => machine.id === id)?.state !== 'ready');
    if (away) return `machine ${away.host} is not ready`;
    for (const { name } of units) {
      const states = rows.filter(({ unit }) => unit === name).map(({ active, sub }) => `${active} (${sub})`);
      if (states.join() !== 'active (running)') return `${name} is ${states.join(' and ') || 'nowhere'}`;
    }
    const running = [...(await runningCounters(recordDir(seat)))];
    const twice = units.find(({ name }) => running.filter((place) => place.startsWith(`${name} `)).length !== 1);
    return twice ? `${twice.name} does not run exactly once` : null;
  } catch (error) {
    if (error instanceof FailureError) return error.message;
    throw error;
  }
}
