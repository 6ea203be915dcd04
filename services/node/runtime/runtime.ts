/**
 * The port to what runs units: `docker.ts`, `process.ts`, and `fake.ts` (scripted, for tests and simulation).
 * `runtime.contract.ts` runs on all of them. A runtime knows one machine's units and survives the agent: what it started
 * goes on when the agent is killed, and is found again with {@link Runtime.adopt}.
 */

import type { UnitReport } from '../../../shared/domain/events.ts';
import type { Health } from '../../../shared/domain/health.ts';
import type { ExecCommand, ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import type { TerminalSize } from '../../../shared/protocol/exec.ts';
import type { UnitUsage } from '../../../shared/protocol/node.ts';
import type { NoticeSource } from './notify/notices.ts';

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

  /** What the unit uses right now; null: nothing of it runs here. */
  usage?(unit: string): Promise<UnitUsage | null>;

  /** Removes every trace of the unit: processes (killed if need be), containers, journal. */
  remove(unit: string): Promise<void>;

  /** What takes long for the unit just now, in words (`pulling redis:7: 2 of 6 layers`); null: nothing. */
  activity?(unit: string): string | null;

  /**
   * Runs a command beside the unit's main process, as somebody at a keyboard: in its container, or as its user with its
   * environment. Ends with its end, or when the session is abandoned.
   * @throws {StartError}
   */
  exec?(request: SessionRequest): Promise<Session>;

  /** Lines of the unit's output, oldest first: the last `lines`, then, with `follow`, new ones until `signal` aborts. */
  journal(unit: string, options: JournalOptions): AsyncIterable<string>;

  /** The same, with the moment at which each line came. */
  stampedJournal?(unit: string, options: JournalOptions): AsyncIterable<JournalLine>;
}

export interface StartRequest extends RunRequest {
  /** The unit file's hash. */
  hash: string;
  /** Sequence of the placement, or of the later wish, that this start obeys; a higher one is newer, cluster-wide. */
  token: number;
  /** Id of the activation, for who adopts it. */
  invocation?: string | undefined;
  /** The cluster whose tokens these are; those of another one cannot be compared with them. */
  cluster?: string | undefined;
  /** Asked right before the start: preparing may take long, and a unit may have lost the right to run meanwhile. */
  mayStart?: (() => boolean) | undefined;
}

/** @throws {StartError} the unit has lost the right to run while its start was prepared. */
export function assertMayStart({ mayStart }: Pick<StartRequest, 'mayStart'>): void {
  if (mayStart?.() === false) throw new StartError('not started: nobody answers this machine, its lease has run out');
}

/** Sockets that are open already, for a command to serve. */
export interface PassedSockets {
  /** Their names in order, for sd_listen_fds(3). */
  names: string[];
  /** Makes of a command line one that has them on the descriptors from 3 on. */
  wrap: (argv: readonly string[]) => string[];
}

/** `LISTEN_PID` is completed by {@link PassedSockets.wrap}. */
export function listenVariables(names: readonly string[]): Record<string, string> {
  return { LISTEN_FDS: String(names.length), LISTEN_FDNAMES: names.join(':'), LISTEN_PID: '-' };
}

export interface RunRequest {
  unit: string;
  command: ExecCommand;
  service: ServiceSpec;
  /** The whole environment of the command. */
  environment: Record<string, string>;
  /** Only the process runtime hands them over. */
  sockets?: PassedSockets;
  /** Told of the process of a control command, where it is one of this machine. */
  onProcess?: (pid: number) => void;
}

export interface SessionRequest extends Pick<RunRequest, 'unit' | 'service' | 'environment'> {
  argv: string[];
  /** The unit's container, where it has one. */
  container?: string;
  tty: (TerminalSize & { term: string }) | null;
  interactive: boolean;
}

/** A command that somebody runs beside a unit. */
export interface Session {
  /** Ends when the command has closed it. A terminal has one stream. */
  output: AsyncIterable<{ stream: 'out' | 'err'; data: Uint8Array }>;
  /** Resolves when there is room for more. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: TerminalSize): Promise<void>;
  /** Sends a signal to it, where that is possible. */
  signal(name: string): Promise<void>;
  /** Its exit code, or 128 and the number of the signal that killed it; known after the end of the output. */
  exitCode(): Promise<number>;
  /** Ends it: nobody looks any more. */
  abandon(): void;
}

export interface JournalOptions {
  /** How many lines of the past, from the end. */
  lines: number;
  follow: boolean;
  /** Of the past only what came at or after, and not later than, these moments: ms since 1970. */
  since?: number | undefined;
  until?: number | undefined;
  signal: AbortSignal;
}

export interface JournalLine {
  /** When it came, ms since 1970, as far as that is known; null: it is not. */
  at: number | null;
  text: string;
}

/** Whether a line of the past is asked for; one whose time nobody knows is. */
export function isWithin({ at }: JournalLine, { since, until }: Pick<JournalOptions, 'since' | 'until'>): boolean {
  return at === null || (at >= (since ?? at) && at <= (until ?? at));
}

export interface MainProcess {
  /** The one that it says, where it says one. */
  readonly pid?: number;
  /** Container id. */
  readonly container?: string;
  /** The token of the request that started it: an adopted one tells thereby how old it is. */
  readonly token: number;
  /** Id of its activation; absent: it had none, or was started by an agent that kept none. */
  readonly invocation?: string | undefined;
  /**
   * Resolves when it has ended; never rejects. While the engine is out of reach it waits: not knowing is not an end.
   */
  readonly exited: Promise<Exit>;
  /** What its health check said when it was started or taken up; absent: it has none. */
  readonly health?: Health;
  /**
   * Follows its health check from now on; what is returned ends that. `complaint`: what a check that failed printed.
   * Absent: it has none.
   */
  watchHealth?(onChange: (health: Health, complaint?: string) => void): () => void;
  /**
   * Tells from now on when the kernel has killed a process of the unit because their memory ran out, also one of those
   * beside the main process; what is returned ends that. It may tell the same again. Absent: nobody counts.
   */
  watchMemory?(onKill: () => void): () => void;
  /** What it tells its manager; absent: nobody listens. */
  readonly notices?: NoticeSource;
  /**
   * After its end: resolves with true when no process of the unit is left, with false when that is not so and `signal`
   * has aborted. Absent: it leaves none.
   */
  emptied?(signal: AbortSignal): Promise<boolean>;
  /** Sends a signal (`SIGTERM`) to the main process or to all processes of the unit; nothing happens when it has ended. */
  signal(name: string, to: 'main' | 'all'): Promise<void>;
}

export type Exit =
  /** `outOfMemory`: the kernel killed processes of the unit, because their memory ran out. */
  | { kind: 'exited'; code: number; outOfMemory?: boolean }
  | { kind: 'killed'; signal: string; outOfMemory?: boolean }
  /** It ended together with what carried it (engine died, machine rebooted, traces are gone), not by itself. */
  | { kind: 'lost'; reason: string };

/** A command could not be started; the message says what and why, for people. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /**
   * What the command would have ended with under systemd, which only notices in the child: systemd.exec(5), "Process exit
   * codes". Absent: systemd, too, would not have come to start a process.
   */
  readonly status: number | undefined;

  constructor(message: string, { status, ...options }: ErrorOptions & { status?: number | undefined } = {}) {
    super(message, options);
    this.status = status;
  }
}

/** How a main process ended, of what is on the log. */
export function reportedExit(reported: NonNullable<UnitReport['exit']>): Exit {
  if ('code' in reported) return { kind: 'exited', code: reported.code };
  return { kind: 'killed', signal: reported.signal };
}

/** How a command ended that was never executed; null where it was not for systemd's child to notice. */
export function exitOfFailedStart(error: unknown): Exit | null {
  const status = error instanceof StartError ? error.status : undefined;
  return status === undefined ? null : { kind: 'exited', code: status };
}

/** systemd's statuses for what keeps a command from being executed. */
export const startStatus = { chdir: 200, exec: 203, limits: 205, group: 216, user: 217 } as const;
