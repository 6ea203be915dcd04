/** Control commands (ExecStartPre=, ExecStop= …): docker's own verbs, and commands in a container of their own. */
import { delay } from '../../../../shared/clock/clock.ts';
import type { DockerCommand, DockerExec } from '../../../../shared/domain/dockerCommand.ts';
import type { DockerRequests, EngineRequest } from '../../../../shared/domain/dockerObjects.ts';
import type { DockerRun } from '../../../../shared/domain/dockerRun.ts';
import type { Exit, RunRequest } from '../runtime.ts';
import { finishBody, readEnvFiles, resolveEnv } from './containerBody.ts';
import { asStartError, createContainer, discard, startCreated } from './containers.ts';
import type { ControlOutput } from './controlOutput.ts';
import { type ContainerState, type Engine, EngineError, EngineUnreachableError, isMissing } from './engine.ts';
import { canonicalSignal, type FollowContext, followToEnd, sendSignal } from './follow.ts';
import type { Images } from './images.ts';
import { labelKeys, ownerOf } from './labels.ts';
import { readLines } from './lines.ts';

export interface ControlContext extends FollowContext {
  engine: Engine;
  machine: string;
  node: string;
  output: ControlOutput;
  images: Images;
}

/** How an aborted command ends: like one that its agent killed. */
const aborted: Exit = { kind: 'killed', signal: 'SIGKILL' };

/**
 * Does what a docker command line says. Like the docker command, it ends with 1 and a message in the journal where the
 * engine refuses, and with the command's own code for `run` and `exec`.
 * @throws {StartError} the container of a `docker run` could not be started.
 */
export async function runDockerCommand(
  context: ControlContext,
  request: RunRequest,
  command: DockerCommand,
  abort: AbortSignal,
): Promise<Exit> {
  if (command.verb === 'run') return runContainer(context, request, command, abort);
  try {
    if (command.verb === 'exec') return await execInContainer(context, request, command, abort);
    if (command.verb === 'pull') {
      await context.images.pull(request.unit, command.image, command.platform, abort);
      return { kind: 'exited', code: 0 };
    }
    if (command.verb === 'request') return await makeRequests(context, request, command, abort);
    return await actOnContainers(context, request, command, abort);
  } catch (error) {
    if (abort.aborted) return aborted;
    context.output.append(request.unit, failureText(context, error));
    return { kind: 'exited', code: 1 };
  }
}

function failureText({ engine }: ControlContext, error: unknown): string {
  if (error instanceof EngineUnreachableError) return `docker: the engine at ${engine.address} does not answer`;
  return `docker: ${error instanceof Error ? error.message : String(error)}`;
}

/**
 * A short-lived container beside the unit's main one. With `-d` it is started and left to itself.
 * @throws {StartError}
 */
export async function runContainer(
  context: ControlContext,
  request: RunRequest,
  run: DockerRun,
  abort: AbortSignal,
): Promise<Exit> {
  const { engine, machine, node } = context;
  const { unit, environment } = request;
  try {
    const body = await finishBody(run, environment, { machine, node, unit, kind: 'control' });
    const named = run.name === undefined ? { body } : { body, name: run.name };
    const id = await createContainer(context, { node, unit, token: 0 }, run, named);
    if (!run.detach) return await superviseContainer(context, unit, id, run, abort);
    await startCreated(engine, id, run);
    return { kind: 'exited', code: 0 };
  } catch (error) {
    throw asStartError(engine, request.command.line, error);
  }
}

async function superviseContainer(
  context: ControlContext,
  unit: string,
  id: string,
  run: DockerRun,
  abort: AbortSignal,
): Promise<Exit> {
  const { engine, closed } = context;
  const output = await engine.attach(id, closed);
  const kill = () => void sendSignal(context, id, 'SIGKILL').catch((error) => output.destroy(error));
  try {
    await startCreated(engine, id, run);
    if (abort.aborted) kill();
    else abort.addEventListener('abort', kill, { once: true });
    await copyOutput(context, unit, output, run.body.Tty === true);
    return await followToEnd(context, id);
  } finally {
    abort.removeEventListener('abort', kill);
    output.destroy();
    if (run.remove) await discard(context, id);
  }
}

async function copyOutput(context: ControlContext, unit: string, output: AsyncIterable<Uint8Array>, tty: boolean) {
  try {
    for await (const line of readLines(output, tty)) context.output.append(unit, line);
  } catch (cause) {
    // The end of the command is told by the engine, not by its output; the journal says that something is missing.
    context.output.append(unit, `docker: the output broke off: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** Like the docker command: every name is tried, and one failure makes the whole fail. */
async function makeRequests(
  context: ControlContext,
  { unit }: RunRequest,
  { requests }: DockerRequests,
  abort: AbortSignal,
): Promise<Exit> {
  let code = 0;
  for (const request of requests) {
    try {
      context.output.append(unit, await makeRequest(context, request));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (!(request.force && isMissing(error))) {
        code = 1;
        context.output.append(unit, failureText(context, error));
      }
    }
    if (abort.aborted) return aborted;
  }
  return { kind: 'exited', code };
}

/** What the docker command would print: what was asked about as it is, or what it is called. */
async function makeRequest({ engine }: Pick<ControlContext, 'engine'>, request: EngineRequest): Promise<string> {
  const [next, ...otherwise] = request.otherwise ?? [];
  try {
    const answer = await engine.request(request);
    return request.method === 'GET' ? JSON.stringify(answer) : request.name;
  } catch (error) {
    if (next === undefined || !isMissing(error)) throw error;
    return makeRequest({ engine }, { ...request, path: next, otherwise });
  }
}

type ContainersCommand = Extract<DockerCommand, { containers: string[] }>;

/** Like the docker command: every container is tried, and one failure makes the whole fail. */
async function actOnContainers(
  context: ControlContext,
  request: RunRequest,
  command: ContainersCommand,
  abort: AbortSignal,
): Promise<Exit> {
  let code = 0;
  for (const name of command.containers) {
    try {
      const ended = await actOn(context, command, await findContainer(context, name), abort);
      if (command.verb !== 'wait') code ||= ended;
      context.output.append(request.unit, command.verb === 'wait' ? String(ended) : name);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      code = 1;
      context.output.append(request.unit, failureText(context, error));
    }
    if (abort.aborted) return aborted;
  }
  return { kind: 'exited', code };
}

/** Containers of other nodes, which share the engine with this one only in trials, are out of bounds. */
async function findContainer({ engine, node }: ControlContext, name: string): Promise<ContainerState> {
  const state = await engine.inspectContainer(name);
  if (!state) throw new EngineError(404, `there is no container ${name}`);
  const owner = ownerOf(state.labels);
  if (owner && owner.node !== node) {
    throw new EngineError(403, `container ${name} belongs to unit ${owner.unit} on machine ${owner.machine}`);
  }
  return state;
}

async function actOn(
  context: ControlContext,
  command: ContainersCommand,
  { id, labels, running }: ContainerState,
  abort: AbortSignal,
): Promise<number> {
  const { engine, signals } = context;
  switch (command.verb) {
    case 'kill':
      signals.note(id, command.signal);
      await engine.killContainer(id, canonicalSignal(command.signal));
      return 0;
    case 'rm':
      if (command.force) signals.note(id, 'SIGKILL');
      await engine.removeContainer(id, { force: command.force, volumes: command.volumes });
      return 0;
    case 'stop':
      signals.note(id, command.signal ?? 'SIGTERM', 'SIGKILL');
      await engine.stopContainer(id, command);
      return 0;
    case 'restart':
      await engine.restartContainer(id, command);
      return 0;
    case 'start':
      if (labels[labelKeys.kind] === 'main' && !running)
        throw new EngineError(409, 'only Flotilla starts its own units');
      await engine.startContainer(id);
      return command.attach ? engine.waitContainer(id, abort) : 0;
    case 'wait':
      return engine.waitContainer(id, abort);
    case 'pause':
    case 'unpause':
      await engine.request({ method: 'POST', path: `/containers/${id}/${command.verb}` });
      return 0;
    default:
      return command satisfies never;
  }
}

const execPollMs = 50;

async function execInContainer(
  context: ControlContext,
  request: RunRequest,
  command: DockerExec,
  abort: AbortSignal,
): Promise<Exit> {
  const { id } = await findContainer(context, command.container);
  const { user, workingDir } = command;
  const fromFiles = await readEnvFiles(command.envFiles, request.environment);
  const body = {
    Cmd: command.argv,
    Env: resolveEnv([...fromFiles, ...command.env], request.environment),
    Tty: command.tty,
    Privileged: command.privileged,
    detach: command.detach,
    ...(user === undefined ? {} : { User: user }),
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
  };
  const exec = await context.engine.exec(id, body, abort);
  await copyOutput(context, request.unit, exec.output, command.tty);
  // The output ends a moment before the engine knows the exit code.
  for (;;) {
    if (abort.aborted) return aborted;
    const code = command.detach ? 0 : await exec.exitCode();
    if (code !== null) return { kind: 'exited', code };
    await delay(context.clock, execPollMs, abort);
  }
}
