/** The {@link Runtime} port on an {@link Engine}. */
import type { CreateBody, DockerRun } from '../../../../shared/domain/dockerRun.ts';
import { limitsBesideLine } from '../../policy/containerLimits.ts';
import type { NoticeBoard } from '../notify/noticeBoard.ts';
import {
  assertMayStart,
  type Exit,
  type MainProcess,
  type RunRequest,
  type Runtime,
  type StartRequest,
} from '../runtime.ts';
import { texts } from '../texts.ts';
import { readWhole } from '../whole.ts';
import { dockerCommandOf, finishBody, runInImage } from './containerBody.ts';
import { type ContainerBoards, listenTo, openBoard, resumeBoard, withSocket } from './containerNotices.ts';
import { asStartError, createContainer, discard, removeLeftovers, startCreated } from './containers.ts';
import { type ControlContext, runContainer, runDockerCommand } from './control.ts';
import type { ContainerState, Engine } from './engine.ts';
import { followToEnd, sendSignal } from './follow.ts';
import { watchHealth } from './health.ts';
import { type JournalContext, keepJournal, readJournal } from './journal.ts';
import { defaultName, labelFilter, labelKeys, ownerOf } from './labels.ts';
import type { MemoryWatch } from './memoryWatch.ts';
import { openContainerSession } from './session.ts';
import { usageOfContainer } from './usage.ts';

export type RuntimeContext = ControlContext & JournalContext & { boards: ContainerBoards; memory: MemoryWatch };

export function createEngineRuntime(context: RuntimeContext): Runtime {
  const { engine, node } = context;
  return {
    kind: 'docker',
    unavailable: () => unavailable(engine),
    start: (request) => start(context, request),
    run: (request, abort) => run(context, request, abort),
    adopt: (unit) => adopt(context, unit),
    async list() {
      const found = await engine.listContainers(labelFilter({ node }));
      return [...new Set(found.flatMap(({ labels }) => labels[labelKeys.unit] ?? []))].sort();
    },
    async usage(unit) {
      const found = await engine.listContainers(labelFilter({ node, unit, kind: 'main' }));
      const running = found.find((container) => container.running);
      return running ? usageOfContainer(engine, running.id) : null;
    },
    async remove(unit) {
      const found = await engine.listContainers(labelFilter({ node, unit }));
      await Promise.all(found.map(({ id }) => discard(context, id)));
      context.boards.of(unit).remove();
      context.output.forget(unit);
    },
    exec: (request) =>
      openContainerSession(context, request).catch((error) => {
        throw asStartError(engine, request.argv.join(' '), error);
      }),
    activity: (unit) => context.images.activity(unit),
    journal: (unit, options) => texts(readJournal(context, unit, options)),
    stampedJournal: (unit, options) => readJournal(context, unit, options),
  };
}

async function unavailable(engine: Engine): Promise<string | null> {
  try {
    await engine.ping();
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `the Docker engine at ${engine.address} does not answer: ${why}`;
  }
}

async function start(context: RuntimeContext, request: StartRequest): Promise<MainProcess> {
  const run = await mainRun(context.engine, request);
  if (run === null) return startClient(context, request);
  try {
    const { id, board } = await startContainer(context, request, run);
    context.starts.announce(request.unit);
    const state = await context.engine.inspectContainer(id);
    return follow(context, id, request, state, board);
  } catch (error) {
    throw asStartError(context.engine, request.command.line, error);
  }
}

/** The container that a main command asks for; null where it asks for none (`docker pull` in a oneshot unit). */
async function mainRun(engine: Engine, request: RunRequest): Promise<DockerRun | null> {
  if (request.service.image !== undefined) return imageRun(engine, request, request.service.image);
  const command = dockerCommandOf(request);
  return command.verb === 'run' ? command : null;
}

async function imageRun(engine: Engine, request: RunRequest, image: string): Promise<DockerRun> {
  try {
    return runInImage(request, image, await engine.hasInit());
  } catch (error) {
    throw asStartError(engine, request.command.line, error);
  }
}

/** Beside a docker line the unit's own limits count, where the line says nothing else. */
function limited(body: CreateBody, { service }: StartRequest): CreateBody {
  return { ...body, HostConfig: limitsBesideLine(body.HostConfig, service.control, readWhole()) };
}

/** The container's id and, where it talks, its board. */
async function startContainer(
  context: RuntimeContext,
  request: StartRequest,
  run: DockerRun,
): Promise<{ id: string; board?: NoticeBoard }> {
  const { engine, machine, node } = context;
  const { unit, hash, token, invocation, cluster, environment, service } = request;
  const claim = { node, cluster, unit, token };
  const notify = listenTo(service, run.body);
  const board = context.boards.of(unit);
  await keepJournal(context, unit);
  await removeLeftovers(context, claim);
  board.remove();
  const name = run.name ?? defaultName(unit, machine);
  const finished = await finishBody(run, environment, { ...claim, machine, kind: 'main', hash, invocation, notify });
  const plain = service.image === undefined ? limited(finished, request) : finished;
  const body = notify === null ? plain : withSocket(plain, board, service);
  if (notify !== null) await openBoard(board, notify);
  let id: string | undefined;
  try {
    id = await createContainer(context, claim, run, { name, body });
    assertMayStart(request);
    await startCreated(engine, id, run);
    return notify === null ? { id } : { id, board };
  } catch (error) {
    // What the discarding says is less telling than why it did not start; the next start removes what is left.
    if (id !== undefined) await discard(context, id).catch(() => undefined);
    board.remove();
    throw error;
  }
}

function follow(
  context: RuntimeContext,
  container: string,
  { token, invocation }: Pick<StartRequest, 'token' | 'invocation'>,
  state: ContainerState | null,
  board: NoticeBoard | undefined,
): MainProcess {
  const { pid, health } = state?.running ? state : {};
  let ended = false;
  const exited = followToEnd(context, container).then((exit) => {
    ended = true;
    board?.close();
    return exit;
  });
  return {
    container,
    token,
    invocation,
    exited,
    ...(pid === undefined || pid === 0 ? {} : { pid }),
    ...(board === undefined ? {} : { notices: board }),
    ...(health === undefined ? {} : { health, watchHealth: (told) => watchHealth(context, container, health, told) }),
    watchMemory: (told) => context.memory.watch(container, told),
    // The engine can only reach a container's first process; that is what the docker command under systemd reaches too.
    signal: async (name) => (ended ? undefined : sendSignal(context, container, name)),
  };
}

/** A main command that is no container of its own: it is over when the engine has done what it says. */
function startClient(context: RuntimeContext, request: StartRequest): MainProcess {
  const abort = new AbortController();
  let signalled: string | undefined;
  const done = runDockerCommand(context, request, dockerCommandOf(request), abort.signal);
  const exited = done.then((exit): Exit => (signalled === undefined ? exit : { kind: 'killed', signal: signalled }));
  const signal = async (name: string) => {
    signalled = name;
    abort.abort();
  };
  const { token, invocation } = request;
  return { token, invocation, exited, signal };
}

async function run(context: RuntimeContext, request: RunRequest, abort: AbortSignal): Promise<Exit> {
  const { engine } = context;
  const { image } = request.service;
  if (image === undefined) return runDockerCommand(context, request, dockerCommandOf(request), abort);
  return runContainer(context, request, await imageRun(engine, request, image), abort);
}

async function adopt(
  context: RuntimeContext,
  { unit, hash }: { unit: string; hash: string },
): Promise<MainProcess | null> {
  const { engine, node } = context;
  const found = await engine.listContainers(labelFilter({ node, unit, hash, kind: 'main' }));
  // One that was created and not started is what a dying agent left: the next start replaces it.
  const [newest] = found
    .filter(({ fresh }) => !fresh)
    .map(({ id, labels }) => ({
      id,
      token: ownerOf(labels)?.token ?? 0,
      invocation: labels[labelKeys.invocation],
    }))
    .sort((a, b) => b.token - a.token);
  if (!newest) return null;
  const state = await engine.inspectContainer(newest.id);
  if (state === null) return null;
  const board = await resumeBoard(context.boards.of(unit), state.labels[labelKeys.notify], state.running);
  return follow(context, newest.id, newest, state, board);
}
