/**
 * What the docker runtime asks of a Docker engine: the part of the Engine API that it uses. `docker.ts` implements it;
 * nothing else knows which client library speaks to the engine.
 */

import type { Duplex, Readable } from 'node:stream';
import type { PublishedPort } from '../../../../shared/domain/announce.ts';
import type { EngineRequest } from '../../../../shared/domain/dockerObjects.ts';
import type { CreateBody } from '../../../../shared/domain/dockerRun.ts';
import type { Health } from '../../../../shared/domain/health.ts';
import type { PullLine } from '../../../../shared/domain/pullProgress.ts';
import type { RegistryAuth } from './credentials.ts';

/** Every method throws {@link EngineError} or {@link EngineUnreachableError}, and has a time limit unless it says so. */
export interface Engine {
  /** For messages: `unix:///var/run/docker.sock`. */
  readonly address: string;
  ping(): Promise<void>;
  /** Whether containers can have a small init as their first process (`HostConfig.Init`). */
  hasInit(): Promise<boolean>;

  /** All containers, running or not, that carry every one of these labels (`key=value`), newest first. */
  listContainers(labels: readonly string[]): Promise<ContainerSummary[]>;
  /** Null: there is no such container. */
  inspectContainer(container: string): Promise<ContainerState | null>;
  /** The id of the new container. */
  createContainer(options: { name?: string; platform?: string; body: CreateBody }): Promise<string>;
  /** Whether there is something at an absolute path of the container, which need not run. */
  hasPath(container: string, path: string): Promise<boolean>;
  startContainer(container: string): Promise<void>;
  /** The exit code, as soon as it does not run any more; without a time limit. */
  waitContainer(container: string, signal: AbortSignal): Promise<number>;
  killContainer(container: string, signal: string): Promise<void>;
  stopContainer(container: string, options: StopOptions): Promise<void>;
  restartContainer(container: string, options: StopOptions): Promise<void>;
  removeContainer(container: string, options: { force: boolean; volumes: boolean }): Promise<void>;

  /** One item each time that its health check says something else than before; without a time limit. */
  healthChanges(container: string, signal: AbortSignal): Promise<AsyncIterable<unknown>>;

  /**
   * The containers with all these labels whose memory runs out, each time that it does, also where its main process runs
   * on; without a time limit.
   */
  outOfMemory(labels: readonly string[], signal: AbortSignal): Promise<AsyncIterable<string>>;

  /** Its output so far, and with `follow` what comes, with time stamps; without a time limit. */
  logs(container: string, options: LogOptions): Promise<AsyncIterable<Uint8Array>>;
  /** Its output from now on; without a time limit. */
  attach(container: string, signal: AbortSignal): Promise<Readable>;
  /** Runs a command in a container; without a time limit. */
  exec(container: string, body: ExecBody, signal: AbortSignal): Promise<RunningExec>;

  /** Runs a command in a container for somebody who is connected with it; without a time limit. */
  openExec(container: string, options: OpenExecOptions): Promise<OpenExec>;

  /** Any other request; what the engine answered. */
  request(request: Pick<EngineRequest, 'method' | 'path' | 'query' | 'body'>): Promise<unknown>;

  hasImage(image: string): Promise<boolean>;
  /** Fetches an image from its registry. Gives up when nothing moves for a while. */
  pull(image: string, options: PullOptions): Promise<void>;
}

export interface PullOptions {
  platform: string | undefined;
  auth: RegistryAuth | null;
  signal: AbortSignal;
  onProgress: (line: PullLine) => void;
}

export interface ContainerSummary {
  id: string;
  labels: Record<string, string>;
  running: boolean;
  /** It was created, and never started. */
  fresh: boolean;
}

export interface ContainerState {
  id: string;
  name: string;
  labels: Record<string, string>;
  running: boolean;
  pid: number;
  exitCode: number;
  outOfMemory: boolean;
  /** What its health check says; absent: it has none. */
  health?: Health;
  /** What the check printed last, one line, where it failed. */
  complaint?: string;
  /** Its output is one plain stream, not frames of stdout and stderr. */
  tty: boolean;
  /** Ports that the machine has for it, sorted. */
  ports: PublishedPort[];
}

export interface StopOptions {
  /** Until it is killed; absent: as the container says, or 10 s. */
  timeoutSec?: number;
  signal?: string;
}

export interface LogOptions {
  /** How many lines from the end; absent: all. */
  tail?: number;
  /** Only what came at or after this moment, seconds since 1970. */
  since?: string;
  follow: boolean;
  signal: AbortSignal;
}

export interface ExecBody {
  Cmd: string[];
  Env: string[];
  User?: string;
  WorkingDir?: string;
  Tty: boolean;
  Privileged: boolean;
  detach: boolean;
}

export interface RunningExec {
  output: Readable;
  /** Null while it runs. */
  exitCode(): Promise<number | null>;
}

export interface OpenExecOptions {
  argv: string[];
  /** Its terminal's size; null: it has none. An engine older than 23 learns it by {@link OpenExec.resize} alone. */
  tty: { columns: number; rows: number } | null;
  interactive: boolean;
  /** `$TERM`. */
  term: string | undefined;
}

export interface OpenExec {
  /** Both its input and its output; without a terminal the output is in frames. */
  stream: Duplex;
  resize(size: { columns: number; rows: number }): Promise<void>;
  /** `code` is null while it runs; `pid` is the engine's number of it, 0 while there is none. */
  state(): Promise<{ code: number | null; pid: number }>;
}

/** The engine answered, and said no. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  /** The HTTP status: 404 no such thing, 409 conflict, 5xx the engine's own failure. */
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** The engine did not answer: it does not run, or is stuck, or the connection broke. */
export class EngineUnreachableError extends Error {
  override readonly name = 'EngineUnreachableError';
}

/** The engine says that there is no such container or image. */
export function isMissing(error: unknown): boolean {
  return error instanceof EngineError && error.status === 404;
}

/** The engine says that this contradicts the container's state, or that a name is taken. */
export function isConflict(error: unknown): boolean {
  return error instanceof EngineError && error.status === 409;
}
