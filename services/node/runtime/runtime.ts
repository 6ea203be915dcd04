/**
 * The port to what runs units: `docker.ts`, `process.ts`, and `fake.ts` (scripted, for tests and simulation).
 * `runtime.contract.ts` runs on all of them. A runtime knows one machine's units and survives the agent: what it started
 * goes on when the agent is killed, and is found again with {@link Runtime.adopt}.
 */
import type { ExecCommand, ServiceSpec } from '../../../shared/domain/unitSpec.ts';

export interface Runtime {
  readonly kind: 'docker' | 'process' | 'fake';

  /** Null when it can work now, else why not ("the Docker engine at unix:///var/run/docker.sock does not answer"). */
  unavailable(): Promise<string | null>;

  /**
   * Starts a main command. Whatever an earlier activation of the same unit left behind is removed first, also what
   * another node started with an older `token`. Resolves once it runs; its end is told by {@link MainProcess.exited}.
   * @throws {StartError} it could not be started (no such program, no such image, name taken …).
   */
  start(request: StartRequest): Promise<MainProcess>;

  /**
   * Runs a control command (ExecStartPre=, ExecStop= …) to its end; its output goes to the unit's journal. When
   * `abort` fires it is killed.
   * @throws {StartError}
   */
  run(request: RunRequest, abort: AbortSignal): Promise<Exit>;

  /**
   * What an earlier agent of this machine started for this unit: running, or ended while nobody looked (then `exited`
   * is already resolved). Null: there is no trace of it.
   */
  adopt(unit: { unit: string; hash: string }): Promise<MainProcess | null>;

  /** Units of this machine of which there is a trace here. */
  list(): Promise<string[]>;

  /** Removes every trace of the unit: processes (killed if need be), containers, journal. */
  remove(unit: string): Promise<void>;

  /** Lines of the unit's output, oldest first: the last `lines`, then, with `follow`, new ones until `signal` aborts. */
  journal(unit: string, options: { lines: number; follow: boolean; signal: AbortSignal }): AsyncIterable<string>;
}

export interface StartRequest extends RunRequest {
  /** The unit file's hash. */
  hash: string;
  /** Sequence of the placement that this start obeys; a higher one is newer, cluster-wide. */
  token: number;
  /** The cluster whose tokens these are; those of another one cannot be compared with them. */
  cluster?: string | undefined;
}

export interface RunRequest {
  unit: string;
  command: ExecCommand;
  service: ServiceSpec;
  /** The whole environment of the command. */
  environment: Record<string, string>;
}

export interface MainProcess {
  readonly pid?: number;
  /** Container id. */
  readonly container?: string;
  /** The token of the request that started it: an adopted one tells thereby how old it is. */
  readonly token: number;
  /**
   * Resolves when it has ended; never rejects. While the engine is out of reach it waits: not knowing is not an end.
   */
  readonly exited: Promise<Exit>;
  /** Sends a signal (`SIGTERM`) to the main process or to all processes of the unit; nothing happens when it has ended. */
  signal(name: string, to: 'main' | 'all'): Promise<void>;
}

export type Exit =
  | { kind: 'exited'; code: number }
  | { kind: 'killed'; signal: string }
  /** It ended together with what carried it (engine died, machine rebooted, traces are gone), not by itself. */
  | { kind: 'lost'; reason: string };

/** A command could not be started; the message says what and why, for people. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
