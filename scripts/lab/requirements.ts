import { access } from 'node:fs/promises';
import { CommandError, runCommand } from '../../shared/embedded/runCommand.ts';

/** Something that a lab needs is not here; the message says what, and how to get it. */
export class RequirementError extends Error {
  override readonly name = 'RequirementError';
}

/** Programs, and Debian's packages that have them. */
const tools: Record<string, string> = {
  ip: 'iproute2',
  iptables: 'iptables',
  nsenter: 'util-linux',
  fallocate: 'util-linux',
  mount: 'mount',
  'mkfs.ext4': 'e2fsprogs',
  perl: 'perl-base',
  dockerd: 'docker.io',
};

/**
 * @throws {RequirementError} with everything that is missing.
 */
export async function requireTools(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new RequirementError('a lab is made of network namespaces: it needs Linux, and root');
  }
  const missing = (
    await Promise.all(Object.keys(tools).map(async (tool) => ((await isThere(tool)) ? [] : [tool])))
  ).flat();
  if (!(await hasTun())) missing.push('/dev/net/tun');
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((tool) => tools[tool] ?? []))];
  const advice = packages.length > 0 ? `: apt-get install ${packages.join(' ')}` : '';
  throw new RequirementError(`a lab needs ${missing.join(', ')}${advice}`);
}

async function isThere(program: string): Promise<boolean> {
  try {
    await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 5_000 });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

async function hasTun(): Promise<boolean> {
  try {
    await access('/dev/net/tun');
    return true;
  } catch {
    // Whatever the reason, links cannot be made slow without it.
    return false;
  }
}
