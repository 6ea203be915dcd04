/** What specifiers tell of this machine. */
import { existsSync } from 'node:fs';
import { machine, release } from 'node:os';
import { parseEnvironmentFile } from '../../shared/domain/environmentFile.ts';
import type { HostFacts } from '../../shared/domain/specifiers.ts';
import { readIfThere } from '../../shared/embedded/files.ts';

/** As they are now; a unit gets others when the agent has been restarted. */
export async function readHostFacts(
  identity: Pick<HostFacts, 'hostname' | 'machineId' | 'bootId'>,
): Promise<HostFacts> {
  const osRelease = await readFields('/etc/os-release', '/usr/lib/os-release');
  const { PRETTY_HOSTNAME: prettyHostname = '' } = await readFields('/etc/machine-info');
  return {
    ...identity,
    kernelRelease: release(),
    machine: machine(),
    // As systemd chooses it for root, whatever passwd(5) says.
    shell: existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh',
    ...(prettyHostname === '' ? {} : { prettyHostname }),
    osRelease,
  };
}

/** Of the first of these files that there is. */
async function readFields(...paths: string[]): Promise<Record<string, string>> {
  for (const path of paths) {
    const text = await readIfThere(path);
    if (text !== null) return parseEnvironmentFile(text);
  }
  return {};
}
