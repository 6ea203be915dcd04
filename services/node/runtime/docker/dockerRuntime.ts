/** The {@link Runtime} port on an {@link Engine}. */
import type { DockerRun } from '../../../../shared/domain/dockerRun.ts';
import type { Exit, MainProcess, RunRequest, Runtime, StartRequest } from '../runtime.ts';
import { dockerCommandOf, finishBody, runInImage } from './containerBody.ts';
import { asStartError, createContainer, discard, removeLeftovers, startCreated } from './containers.ts';
import { type ControlContext, runContainer, runDockerCommand } from './control.ts';
import type { Engine } from './engine.ts';
import { followToEnd, sendSignal } from './follow.ts';
import { type JournalContext, keepJournal, readJournal } from './journal.ts';
import { defaultName, labelFilter, labelKeys, ownerOf } from './labels.ts';

export type RuntimeContext = ControlContext & JournalContext;

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
    async remove(unit) {
      const found = await engine.listContainers(labelFilter({ node, unit }));
      await Promise.all(found.map(({ id }) => discard(context, id)));
      context.output.forget(unit);
    },
    journal: (unit, options) => readJournal(context, unit, options),
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
    const id = await startContainer(context, request, run);
    context.starts.announce(request.unit);
    const state = await context.engine.inspectContainer(id);
    return follow(context, id, request.token, state?.running ? state.pid : undefined);
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

async function startContainer(context: RuntimeContext, request: StartRequest, run: DockerRun): Promise<string> {
  const { engine, machine, node } = context;
  const { unit, hash, token, cluster, environment } = request;
  const claim = { node, cluster, unit, token };
  await keepJournal(context, unit);
  await removeLeftovers(context, claim);
  const name = run.name ?? defaultName(unit, machine);
  const body = await finishBody(run, environment, { ...claim, machine, kind: 'main', hash });
  const id = await createContainer(context, claim, run, { name, body });
  try {
    await startCreated(engine, id, run);
  } catch (error) {
    // What the discarding says is less telling than why it did not start; the next start removes what is left.
    await discard(context, id).catch(() => undefined);
    throw error;
  }
  return id;
}

function follow(context: RuntimeContext, container: string, token: number, pid: number | undefined): MainProcess {
  let ended = false;
  const exited = followToEnd(context, container).then((exit) => {
    ended = true;
    return exit;
  });
  return {
    container,
    token,
    exited,
    ...(pid === undefined || pid === 0 ? {} : { pid }),
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
  return { token: request.token, exited, signal };
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
    .map(({ id, labels }) => ({ id, token: ownerOf(labels)?.token ?? 0 }))
    .sort((a, b) => b.token - a.token);
  if (!newest) return null;
  const state = await engine.inspectContainer(newest.id);
  return state && follow(context, newest.id, newest.token, state.running ? state.pid : undefined);
}
