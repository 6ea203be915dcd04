/** A long-running program on a host of the lab, which faults may kill and pause. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../../shared/embedded/childProcess.ts';
import { lastLinesOf } from '../../shared/embedded/files.ts';
import { signal } from './processes.ts';

export interface ServiceOptions {
  /** `nats n1`. */
  name: string;
  /** On which host it runs. */
  host: string;
  /** The whole command line. */
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  logFile: string;
  /** What has to be done before each start. */
  prepare?: () => Promise<void>;
  /** Told when it ends without having been killed by us, with the last line of its log. */
  onEnd: (what: string) => void;
}

/** As systemd's `RestartSec=` in the units that docs recommend. */
const restartMs = 500;

export class Service {
  readonly name: string;
  readonly host: string;
  readonly logFile: string;
  readonly #options: ServiceOptions;
  #child: Child | null = null;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.name = options.name;
    this.host = options.host;
    this.logFile = options.logFile;
  }

  get runs(): boolean {
    return this.#child !== null;
  }

  /** Does nothing when it runs. */
  async start(): Promise<void> {
    if (this.#child !== null) return;
    const { command, env, logFile, prepare } = this.#options;
    await prepare?.();
    const child = await startChild(command, { logFile, env });
    this.#child = child;
    void child.exited.then((how) => this.#onExit(child, how));
  }

  /** SIGKILL; {@link start} brings it back. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await child?.kill();
  }

  /** SIGTERM, and SIGKILL after 10 s. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await child?.stop(10_000);
  }

  pause(): void {
    if (this.#child) signal(this.#child.pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.#child) signal(this.#child.pid, 'SIGCONT');
  }

  /** It ended by itself: it is started again, as an init system would do. */
  async #onExit(child: Child, how: string): Promise<void> {
    if (this.#child !== child) return;
    this.#child = null;
    this.#options.onEnd(`${this.name} ${how}; its last words: ${await lastLinesOf(this.logFile, 1)}`);
    await sleep(restartMs);
    await this.start();
  }
}
