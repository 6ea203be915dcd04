import { createFakeRuntime } from '../../services/node/runtime/fake.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { leaseDeadlines } from '../../shared/domain/lease.ts';
import type { Machine } from './machine.ts';

const lookEveryMs = 250;

/**
 * The twin of `flotilla lease-guard`: a process of the machine's own that no fault of the agent reaches. It looks at the
 * leases on the machine's disk, on the machine's clock, and kills what should have stopped.
 */
export function startLeaseGuard(machine: Machine, clock: Clock, onKill: () => void): void {
  const runtimes = [machine.processes, machine.engine].map((host) => createFakeRuntime(host, clock));
  const look = () => {
    const { leases } = machine.directory;
    if (leases?.bootId === machine.bootId) {
      for (const { unit, hash, ...terms } of leases.units) {
        if (clock.monotonicNow() < leaseDeadlines(leases.renewedAt, terms).killAt) continue;
        if ([...machine.mains.values()].some((main) => main.unit === unit)) onKill();
        for (const runtime of runtimes)
          void runtime.adopt({ unit, hash }).then((main) => main?.signal('SIGKILL', 'all'));
      }
    }
    clock.setTimeout(look, lookEveryMs);
  };
  look();
}
