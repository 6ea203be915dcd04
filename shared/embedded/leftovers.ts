import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterFile } from './clusterFile.ts';
import { natsName } from './clusterProcesses.ts';
import { isAlive, killIdentified, type ProcessIdentity } from './processIdentity.ts';

/** A killed process is still there after this long. */
export class LeftoverError extends Error {
  override readonly name = 'LeftoverError';
}

const deathTimeoutMs = 10_000;
const deathPollMs = 10;

/**
 * Ends the services that a launcher which was killed itself left running, by SIGKILL, so that nodes leave their units
 * alone. Only processes that are provably the recorded ones are touched. Resolves when they are gone.
 * @throws {LeftoverError}
 */
export async function killLeftovers(file: ClusterFile, progress: (line: string) => void): Promise<void> {
  const recorded = [
    ...file.schedulers.map((entry, index) => ({ name: `scheduler ${index + 1}`, entry })),
    ...file.stores.map((entry, index) => ({ name: `kv ${index + 1}`, entry })),
    ...file.apis.map((entry) => ({ name: 'api', entry })),
    ...file.nodes.map((entry, index) => ({ name: `node ${index + 1}`, entry })),
    ...file.nats.map((entry, index) => ({ name: natsName(file, index), entry })),
  ];
  for (const { name, entry } of recorded) {
    const identity = identityOf(entry);
    if (identity === null || !(await killIdentified(identity))) continue;
    progress(`${name} (process ${identity.pid}) was left over from a launcher that was killed: ended it`);
    await waitForDeath(identity);
  }
}

function identityOf({ pid, startTime }: Partial<ProcessIdentity>): ProcessIdentity | null {
  return pid === undefined || startTime === undefined ? null : { pid, startTime };
}

async function waitForDeath(identity: ProcessIdentity): Promise<void> {
  const deadline = AbortSignal.timeout(deathTimeoutMs);
  while (await isAlive(identity)) {
    if (deadline.aborted) throw new LeftoverError(`process ${identity.pid} does not end, not even by SIGKILL`);
    await sleep(deathPollMs);
  }
}
