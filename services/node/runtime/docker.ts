/**
 * The runtime on a Docker engine, and the home of `dockerode`: here its calls become the few of {@link Engine}, each with
 * a time limit and errors of two kinds. Exec lines that call docker are obeyed through the Engine API, nothing is shelled
 * out; with `[X-Flotilla] Image=` every command runs in a container of that image.
 *
 * Containers belong to the engine and survive the agent. Labels say whose they are (`docker/labels.ts`).
 */
import { setMaxListeners } from 'node:events';
import { Agent } from 'node:http';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import type { Clock } from '../../../shared/clock/clock.ts';
import type { PublishedPort } from '../../../shared/domain/announce.ts';
import { healths } from '../../../shared/domain/health.ts';
import type { PullLine } from '../../../shared/domain/pullProgress.ts';
import { createBoards } from './docker/containerNotices.ts';
import { createControlOutput } from './docker/controlOutput.ts';
import { readCredentials } from './docker/credentials.ts';
import { createEngineRuntime } from './docker/dockerRuntime.ts';
import {
  type ContainerState,
  type ContainerSummary,
  type Engine,
  EngineError,
  EngineUnreachableError,
  type ExecBody,
  isMissing,
  type LogOptions,
  type OpenExec,
  type OpenExecOptions,
  type PullOptions,
  type RunningExec,
} from './docker/engine.ts';
import { createSentSignals } from './docker/follow.ts';
import { createImages } from './docker/images.ts';
import { createStartNotices } from './docker/journal.ts';
import { readLines } from './docker/lines.ts';
import { createMemoryWatch } from './docker/memoryWatch.ts';
import type { Runtime } from './runtime.ts';

export interface DockerRuntimeOptions {
  /** This machine's id: what its containers are labelled with. */
  machine: string;
  /** Tells this node's containers from those of another one with the same machine id; by default that. */
  node?: string;
  clock: Clock;
  /** Where the engine is, as dockerode has it; without: `DOCKER_HOST`, or the machine's own socket. */
  docker?: Docker.DockerOptions;
  /** File with credentials for registries, as docker writes it; without: where docker has its own. */
  registryAuth?: string;
  /** Told of what went wrong behind the scenes; it is tried again. Default: a warning of the process. */
  report?: (error: Error) => void;
}

export interface DockerRuntime extends Runtime {
  /**
   * The machine's ports of a container; none where there is no such container.
   * @throws the engine is out of reach.
   */
  publishedPorts(container: string): Promise<PublishedPort[]>;
  /** Lets go of the engine; containers go on. Nothing that this runtime started is followed any more. */
  close(): void;
}

export function createDockerRuntime(options: DockerRuntimeOptions): DockerRuntime {
  const { machine, node = machine, clock, docker, registryAuth } = options;
  const { report = (error: Error) => process.emitWarning(error) } = options;
  const closing = new AbortController();
  // Every container that is followed listens for it.
  setMaxListeners(0, closing.signal);
  const engine = createEngine(docker);
  const runtime = createEngineRuntime({
    engine,
    machine,
    node,
    clock,
    closed: closing.signal,
    signals: createSentSignals(),
    starts: createStartNotices(),
    output: createControlOutput(clock),
    memory: createMemoryWatch({ engine, node, clock, closed: closing.signal }),
    boards: createBoards(node, report),
    images: createImages(engine, readCredentials(registryAuth)),
  });
  return {
    ...runtime,
    publishedPorts: async (container) => (await engine.inspectContainer(container))?.ports ?? [],
    close: () => closing.abort(),
  };
}

const limits = { pingMs: 2_000, readMs: 30_000, changeMs: 120_000, pullStallMs: 120_000 };

function within(limitMs: number): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(limitMs) };
}

/** An {@link Engine} that dockerode speaks to. */
export function createEngine(options: Docker.DockerOptions = {}): Engine {
  const docker = connect(options);
  const untyped = docker as unknown as UntypedCalls;
  const address = addressOf(options);
  const call = async <T>(limitMs: number, request: (limit: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> =>
    request(within(limitMs)).catch((error: unknown) => {
      throw translate(error, limitMs);
    });
  const endless = <T>(request: Promise<T>): Promise<T> =>
    request.catch((error: unknown) => {
      throw translate(error, null);
    });

  return {
    address,
    ping: () => call(limits.pingMs, async (limit) => void (await untyped.ping(limit))),
    hasInit: remember(() => call(limits.readMs, async (limit) => hasInit(await untyped.info(limit)))),

    listContainers: (label) =>
      call(limits.readMs, async (limit) => {
        const found = await docker.listContainers({ all: true, filters: { label: [...label] }, ...limit });
        return found.sort((a, b) => b.Created - a.Created).map(summary);
      }),
    inspectContainer: (container) =>
      orIfMissing(
        null,
        call(limits.readMs, async (limit) => state(await docker.getContainer(container).inspect(limit))),
      ),
    createContainer: ({ name, platform, body }) =>
      call(limits.changeMs, async (limit) => {
        const query = { ...(name === undefined ? {} : { name }), ...(platform === undefined ? {} : { platform }) };
        // Apart, so that the body does not stand in the address as well.
        const apart: object = { _query: query, _body: body, ...limit };
        return (await docker.createContainer(apart)).id;
      }),
    hasPath: (container, path) =>
      orIfMissing(
        false,
        call(limits.changeMs, async (limit) => {
          await docker.getContainer(container).infoArchive({ path, ...limit });
          return true;
        }),
      ),
    startContainer: (container) => call(limits.changeMs, (limit) => docker.getContainer(container).start(limit)),
    waitContainer: (container, abortSignal) => endless(exitCode(docker, container, abortSignal)),
    killContainer: (container, signal) =>
      call(limits.changeMs, (limit) => docker.getContainer(container).kill({ signal, ...limit })),
    stopContainer: (container, { timeoutSec, signal }) =>
      call(stopLimit(timeoutSec), (limit) => docker.getContainer(container).stop(stopQuery(timeoutSec, signal, limit))),
    restartContainer: (container, { timeoutSec, signal }) =>
      call(stopLimit(timeoutSec), (limit) =>
        docker.getContainer(container).restart(stopQuery(timeoutSec, signal, limit)),
      ),
    removeContainer: (container, { force, volumes }) =>
      call(limits.changeMs, (limit) => docker.getContainer(container).remove({ force, v: volumes, ...limit })),

    healthChanges: (container, abortSignal) => endless(healthEvents(docker, container, abortSignal)),
    outOfMemory: (labels, abortSignal) => endless(memoryEvents(docker, labels, abortSignal)),

    logs: (container, logOptions) => endless(readLogs(docker.getContainer(container), logOptions)),
    attach: (container, abortSignal) =>
      endless(docker.getContainer(container).attach({ stream: true, stdout: true, stderr: true, abortSignal })).then(
        readable,
      ),
    exec: (container, body, abortSignal) => endless(startExec(docker.getContainer(container), body, abortSignal)),

    openExec: (container, execOptions) => endless(openExec(docker.getContainer(container), execOptions)),

    request: (request) => call(limits.changeMs, (limit) => dial(docker, request, limit)),

    hasImage: (image) =>
      orIfMissing(
        false,
        call(limits.readMs, async (limit) => {
          const options: object = limit;
          await docker.getImage(image).inspect(options);
          return true;
        }),
      ),
    pull: (image, pullOptions) => endless(pull(docker, image, pullOptions)),
  };
}

/** Connections are not kept: one that the engine's restart has broken would fail the next call on it. */
function connect(options: Docker.DockerOptions): Docker {
  const remote = options.host !== undefined || /^(tcp|https?|ssh):/.test(process.env.DOCKER_HOST ?? '');
  const withAgent = remote ? options : { ...options, agent: new Agent({ keepAlive: false }) };
  return new Docker(withAgent);
}

function addressOf({ socketPath, host, port }: Docker.DockerOptions): string {
  if (socketPath !== undefined) return `unix://${socketPath}`;
  if (host !== undefined) return port === undefined ? host : `${host}:${port}`;
  return process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
}

function translate(error: unknown, limitMs: number | null): Error {
  if (error instanceof EngineError || error instanceof EngineUnreachableError) return error;
  const { statusCode, json, message, name } = error as Partial<
    Record<'statusCode' | 'json' | 'message' | 'name', unknown>
  >;
  if (typeof statusCode === 'number')
    return new EngineError(statusCode, engineMessage(json, message), { cause: error });
  const late = name === 'AbortError' && limitMs !== null;
  return new EngineUnreachableError(late ? `no answer within ${limitMs / 1000} s` : String(message), { cause: error });
}

function engineMessage(json: unknown, fallback: unknown): string {
  const said = typeof json === 'object' && json !== null && 'message' in json ? json.message : fallback;
  return String(said).trim();
}

async function orIfMissing<T, E>(substitute: E, answer: Promise<T>): Promise<T | E> {
  return answer.catch((error: unknown) => {
    if (isMissing(error)) return substitute;
    throw error;
  });
}

/** The first answer is kept; a failure is not. */
function remember<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return async () => {
    answer ??= ask();
    try {
      return await answer;
    } catch (error) {
      answer = undefined;
      throw error;
    }
  };
}

/** What these take, and their types do not say. */
interface UntypedCalls {
  ping(limit: { abortSignal: AbortSignal }): Promise<unknown>;
  info(limit: { abortSignal: AbortSignal }): Promise<SystemInfo>;
}

interface SystemInfo {
  InitBinary?: string;
  InitCommit?: { ID?: string };
}

/** An engine that is told to use an init program and does not find it says `N/A` for its version. */
function hasInit(info: SystemInfo): boolean {
  return (info.InitBinary ?? '') !== '' && info.InitCommit?.ID !== 'N/A';
}

function summary({ Id, Labels, State }: Docker.ContainerInfo): ContainerSummary {
  return { id: Id, labels: Labels, running: State === 'running', fresh: State === 'created' };
}

function state({ Id, Name, Config, State, NetworkSettings }: Docker.ContainerInspectInfo): ContainerState {
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    labels: Config.Labels,
    running: State.Running,
    pid: State.Pid,
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    ...healthOf(State),
    tty: Config.Tty,
    ports: publishedPorts(NetworkSettings.Ports),
  };
}

/** It is said on the log. */
const mostComplaint = 200;

/** An engine says `none` for a check that is switched off. */
function healthOf({ Health }: Docker.ContainerInspectInfo['State']): Pick<ContainerState, 'health' | 'complaint'> {
  const health = healths.find((known) => known === Health?.Status);
  const last = Health?.Log?.at(-1);
  const complaint = last && last.ExitCode !== 0 ? last.Output.trim().split('\n', 1)[0]?.slice(0, mostComplaint) : '';
  return health === undefined ? {} : { health, ...(complaint ? { complaint } : {}) };
}

/** By the container's port; a port that is exposed and not published has none of the machine's. */
function publishedPorts(ports: Docker.ContainerInspectInfo['NetworkSettings']['Ports'] | null): PublishedPort[] {
  const published = Object.entries(ports ?? {}).flatMap(([port, hosts]) => {
    const [first] = hosts ?? [];
    return first === undefined ? [] : [{ port, hostPort: Number(first.HostPort) }];
  });
  return published.sort((a, b) => Number.parseInt(a.port, 10) - Number.parseInt(b.port, 10));
}

const engineStopSec = 10;

function stopLimit(timeoutSec = engineStopSec): number {
  return limits.changeMs + Math.max(timeoutSec, 0) * 1000;
}

function stopQuery(timeoutSec: number | undefined, signal: string | undefined, limit: { abortSignal: AbortSignal }) {
  return {
    ...(timeoutSec === undefined ? {} : { t: timeoutSec }),
    ...(signal === undefined ? {} : { signal }),
    ...limit,
  };
}

/**
 * The exit code, once there is one. Read as a stream: the client's own `wait` answers neither way when the engine dies
 * after the head of its answer, which it sends at once.
 */
async function exitCode(docker: Docker, container: string, abortSignal: AbortSignal): Promise<number> {
  const path = `/containers/${encodeURIComponent(container)}/wait?`;
  const statusCodes = { 200: true, 400: 'bad parameter', 404: 'no such container', 500: 'server error' };
  const answer = await new Promise<Readable>((resolve, reject) => {
    const request = { path, method: 'POST', isStream: true, statusCodes, abortSignal };
    docker.modem.dial(request, (error: unknown, stream?: unknown) =>
      error ? reject(error) : resolve(stream as Readable),
    );
  });
  let text = '';
  for await (const chunk of answer) text += chunk;
  return JSON.parse(text).StatusCode;
}

/** A request that the client has no method for. */
function dial(
  docker: Docker,
  { method, path, query = {}, body }: Parameters<Engine['request']>[0],
  limit: { abortSignal: AbortSignal },
): Promise<unknown> {
  const statusCodes = {
    200: true,
    201: true,
    204: true,
    304: true,
    400: 'bad parameter',
    403: 'forbidden',
    404: 'no such thing',
    409: 'conflict',
    500: 'server error',
  };
  // The client puts the query behind the `?`, which it takes away where there is none.
  const told = Object.keys(query).length > 0 || body !== undefined;
  const options = told ? { _query: query, ...(body === undefined ? {} : { _body: body }) } : undefined;
  const request = { path: `${path}?`, method, options, statusCodes, ...limit };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: unknown, answer?: unknown) => (error ? reject(error) : resolve(answer)));
  });
}

async function healthEvents(
  docker: Docker,
  container: string,
  abortSignal: AbortSignal,
): Promise<AsyncIterable<unknown>> {
  const filters = { type: ['container'], event: ['health_status'], container: [container] };
  return translated(readable(await docker.getEvents({ filters, abortSignal } as Docker.GetEventsOptions)));
}

async function memoryEvents(
  docker: Docker,
  labels: readonly string[],
  abortSignal: AbortSignal,
): Promise<AsyncIterable<string>> {
  const filters = { type: ['container'], event: ['oom'], label: [...labels] };
  return idsIn(translated(readable(await docker.getEvents({ filters, abortSignal } as Docker.GetEventsOptions))));
}

/** Of the containers that events, one a line, are about. */
async function* idsIn(events: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of events) {
    const lines = (text + decoder.decode(chunk, { stream: true })).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line).Actor.ID;
  }
}

async function readLogs(container: Docker.Container, options: LogOptions): Promise<AsyncIterable<Uint8Array>> {
  const { tail, since, follow, signal: abortSignal } = options;
  const query = {
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { since }),
    abortSignal,
  };
  if (!follow) return Readable.from([await container.logs({ ...query, follow: false })]);
  return translated(readable(await container.logs({ ...query, follow: true })));
}

/** A stream whose breaking off says {@link EngineUnreachableError}. */
async function* translated(stream: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw translate(error, null);
  } finally {
    stream.destroy();
  }
}

/** dockerode promises less than it gives: what comes from Node's http is a Readable. */
function readable(stream: NodeJS.ReadableStream): Readable {
  return stream instanceof Readable ? stream : new Readable().wrap(stream);
}

async function startExec(container: Docker.Container, body: ExecBody, abortSignal: AbortSignal): Promise<RunningExec> {
  const { detach, ...command } = body;
  const attached = !detach;
  const detached = detach ? { Detach: true } : {};
  const attaching = { AttachStdout: attached, AttachStderr: attached };
  const exec = await container.exec({ ...command, ...detached, ...attaching, abortSignal });
  const output = readable(await exec.start({ Detach: detach, Tty: command.Tty, abortSignal }));
  const exitCode = async () => (await exec.inspect(within(limits.readMs))).ExitCode;
  return { output, exitCode };
}

async function openExec(container: Docker.Container, options: OpenExecOptions): Promise<OpenExec> {
  const { argv, tty, interactive, term } = options;
  const size: object = tty === null ? {} : { ConsoleSize: [tty.rows, tty.columns] };
  const exec = await container.exec({
    Cmd: argv,
    Tty: tty !== null,
    ...size,
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    ...(term === undefined ? {} : { Env: [`TERM=${term}`] }),
  });
  const stream = await exec.start({ hijack: true, stdin: true, Tty: tty !== null, ...size });
  if (!interactive) stream.end();
  return {
    stream,
    resize: async ({ columns, rows }) => void (await exec.resize({ w: columns, h: rows })),
    async state() {
      const { ExitCode, Pid } = await exec.inspect(within(limits.readMs));
      return { code: ExitCode, pid: Pid };
    },
  };
}

/** The engine answers 200 at once, and tells a failure in the middle of its progress. */
async function pull(
  docker: Docker,
  image: string,
  { platform, auth, signal: abortSignal, onProgress }: PullOptions,
): Promise<void> {
  const stall = watchStall(abortSignal);
  try {
    const options = { fromImage: withTag(image), ...(platform === undefined ? {} : { platform }) };
    const progress = readable(await docker.createImage(auth ?? {}, { ...options, abortSignal: stall.signal }));
    for await (const line of readLines(progress, true)) {
      stall.reset();
      const { error, ...said } = JSON.parse(line) as { error?: string } & PullLine;
      if (error !== undefined) throw new EngineError(502, error);
      onProgress(said);
    }
  } catch (cause) {
    if (!stall.signal.aborted || abortSignal.aborted) throw cause;
    throw new EngineError(504, `nothing came for ${limits.pullStallMs / 1000} s`, { cause });
  } finally {
    stall.end();
  }
}

/** Without a tag the engine would fetch every one there is. */
function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? image : `${image}:latest`;
}

/** A signal that aborts with another one, or when it was not reset for too long. */
function watchStall(outer: AbortSignal): { signal: AbortSignal; reset(): void; end(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (outer.aborted) abort();
  outer.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(abort, limits.pullStallMs);
  const end = () => {
    clearTimeout(timer);
    outer.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, reset: () => void timer.refresh(), end };
}
