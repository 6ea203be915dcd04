/** A Docker engine of one host's own. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CommandError, runCommand } from '../../shared/embedded/runCommand.ts';
import type { LabSeat } from './guard.ts';
import { controlGroupOf } from './labRecord.ts';
import type { Service } from './service.ts';

const imagesScript = fileURLToPath(new URL('../images.sh', import.meta.url));
const startTimeoutMs = 60_000;
const timeoutMs = 120_000;

export class Engine {
  readonly socket: string;
  readonly service: Service;
  readonly #outside: number;

  constructor(seat: LabSeat, host: string, asService: (command: string[], prepare: () => Promise<void>) => Service) {
    const directory = join(seat.dir, `docker-${host}`);
    const execRoot = join(directory, 'exec');
    this.socket = join(directory, 'engine.sock');
    this.#outside = seat.outside;
    const paths = [
      '--data-root',
      join(directory, 'data'),
      '--exec-root',
      execRoot,
      '--pidfile',
      join(directory, 'pid'),
    ];
    const namespace = `lab-${seat.id}-${host}`;
    const namespaces = ['--containerd-namespace', namespace, '--containerd-plugins-namespace', `${namespace}-plugins`];
    const group = ['--cgroup-parent', controlGroupOf(seat, host)];
    const command = ['dockerd', ...paths, '--host', `unix://${this.socket}`, ...namespaces, ...group];
    this.service = asService(command, async () => {
      await mkdir(directory, { recursive: true });
      // The engine's own containerd dies with it; an engine that finds its number waits for it in vain.
      await rm(join(execRoot, 'containerd', 'containerd.pid'), { force: true });
      await rm(join(directory, 'pid'), { force: true });
    });
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    await this.service.start();
    const deadline = AbortSignal.timeout(startTimeoutMs);
    while (!(await this.#answers())) {
      if (deadline.aborted) throw new Error(`${this.service.name} does not answer; see ${this.service.logFile}`);
      await sleep(100);
    }
  }

  /** Runs `docker ARGS` with this engine. */
  docker(...args: string[]): Promise<string> {
    return runCommand('docker', ['-H', `unix://${this.socket}`, ...args], { timeoutMs });
  }

  /** Units of the running containers that Flotilla started. */
  async units(): Promise<string[]> {
    const format = '{{.Label "flotilla.unit"}}';
    const filter = 'label=flotilla.kind=main';
    return (await this.docker('ps', '--filter', filter, '--format', format)).split('\n').filter(Boolean);
  }

  /** Builds the image of a busybox here, from outside the lab's network, which has no mirror of packages. */
  async buildBusybox(): Promise<void> {
    const outside = `--net=/proc/${this.#outside}/ns/net`;
    const env = { ...process.env, DOCKER_HOST: `unix://${this.socket}` };
    await runCommand('nsenter', [outside, 'sh', imagesScript, 'busybox'], { timeoutMs, env });
  }

  async #answers(): Promise<boolean> {
    if (!existsSync(this.socket)) return false;
    try {
      await this.docker('version', '--format', '{{.Server.Version}}');
      return true;
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
  }
}

export const busybox = 'flotilla/busybox';

/** Gives every engine the image: the machine's own engine may have it, else it is built. */
export async function provideBusybox(engines: readonly Engine[], dir: string): Promise<void> {
  const archive = join(dir, 'busybox.tar');
  const [first, ...others] = engines;
  if (await saveFromHost(archive)) {
    await first?.docker('load', '--input', archive);
  } else {
    await first?.buildBusybox();
    await first?.docker('save', '--output', archive, busybox);
  }
  for (const engine of others) await engine.docker('load', '--input', archive);
}

async function saveFromHost(archive: string): Promise<boolean> {
  try {
    await runCommand('docker', ['save', '--output', archive, busybox], { timeoutMs });
    return true;
  } catch (error) {
    // There is no such image, or no such engine.
    if (error instanceof CommandError) return false;
    throw error;
  }
}
