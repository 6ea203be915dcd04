/**
 * `flotilla lease-guard`: the agent's stand-in for one thing. It outlives an agent that was killed, and sees one that
 * hangs: where the leases in `lease.json` are not renewed in time, it kills the units that hold them. One runs for each
 * node that has such units; it ends when there are none.
 */
import { join } from 'node:path';
import { delay } from '../../../shared/clock/clock.ts';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import { leaseDeadlines } from '../../../shared/domain/lease.ts';
import { tryLock } from '../../../shared/embedded/processLock.ts';
import { readIdentity } from '../identity.ts';
import { type LeasedUnit, type LeaseRecord, readLeases, sinceBoot } from '../leaseFile.ts';
import { createDockerRuntime } from '../runtime/docker.ts';
import { createProcessRuntime } from '../runtime/process.ts';
import type { Runtime } from '../runtime/runtime.ts';

export interface LeaseGuardOptions {
  /** The node's. */
  directory: string;
  dockerSocket?: string;
}

const lookEveryMs = 250;

/** Runs until the node has no leases; resolves with the exit code. */
export async function main(options: LeaseGuardOptions): Promise<number> {
  const lock = await tryLock(join(options.directory, 'lease-guard.lock'));
  if ('heldBy' in lock) return 0;
  const { machine, nodeKey, bootId } = await readIdentity(options.directory, undefined);
  const runtimes = runtimesOf(options, machine, nodeKey);
  try {
    for (let leases = await readLeases(options.directory); leases !== null; ) {
      if (leases.bootId === bootId) await killOverdue(leases, runtimes);
      await delay(systemClock, lookEveryMs);
      leases = await readLeases(options.directory);
    }
  } finally {
    await lock.release();
  }
  return 0;
}

function runtimesOf({ directory, dockerSocket }: LeaseGuardOptions, machine: string, node: string): Runtime[] {
  const clock = systemClock;
  const docker = dockerSocket === undefined ? {} : { docker: { socketPath: dockerSocket } };
  return [
    // The units' control groups are found by what is recorded of each.
    createProcessRuntime({ directory: join(directory, 'units'), machine, clock, controlGroups: false }),
    createDockerRuntime({ machine, node, clock, ...docker }),
  ];
}

/** Kills what should have stopped by now; what cannot be killed yet is tried again at the next look. */
export async function killOverdue({ renewedAt, units }: LeaseRecord, runtimes: readonly Runtime[]): Promise<void> {
  const overdue = units.filter((unit) => sinceBoot() >= leaseDeadlines(renewedAt, unit).killAt);
  await Promise.allSettled(overdue.flatMap((unit) => runtimes.map((runtime) => killUnit(unit, runtime))));
}

async function killUnit({ unit, hash }: LeasedUnit, runtime: Runtime): Promise<void> {
  const main = await runtime.adopt({ unit, hash });
  await main?.signal('SIGKILL', 'all');
}
