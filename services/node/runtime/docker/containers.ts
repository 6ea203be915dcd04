/** Makes containers, and gets out of their way what an earlier activation left behind. */
import { readFile, writeFile } from 'node:fs/promises';
import type { CreateBody, DockerRun } from '../../../../shared/domain/dockerRun.ts';
import { StartError } from '../runtime.ts';
import { type ContainerState, type Engine, EngineUnreachableError, isConflict, isMissing } from './engine.ts';
import type { SentSignals } from './follow.ts';
import type { Images } from './images.ts';
import { labelFilter, type Owner, ownerOf } from './labels.ts';

export interface ContainersContext {
  engine: Engine;
  signals: SentSignals;
  images: Images;
}

/** Who wants a container, by right of which placement. */
export interface Claim {
  node: string;
  cluster?: string | undefined;
  unit: string;
  /** Of the placement; a control command has none and replaces only its own node's containers. */
  token: number;
}

/**
 * Creates the container of a command; its image is pulled if need be.
 * @throws {StartError}
 */
export async function createContainer(
  context: ContainersContext,
  claim: Claim,
  run: DockerRun,
  options: { name?: string; body: CreateBody },
): Promise<string> {
  const id = await create(context, claim, run, options);
  if (run.cidFile !== undefined) await writeId(context, run.cidFile, id);
  return id;
}

/** `--cidfile`: it must not be there, or be of a container that is gone: an agent that was killed could not remove it. */
async function writeId(context: ContainersContext, path: string, id: string): Promise<void> {
  try {
    const old = await readFile(path, 'utf8').catch(() => null);
    if (old !== null && (await context.engine.inspectContainer(old.trim() || 'none'))) {
      throw new StartError(`--cidfile: ${path} is there and names a container that exists: remove it in ExecStartPre=`);
    }
    await writeFile(path, id);
  } catch (cause) {
    await discard(context, id).catch(() => undefined);
    if (cause instanceof StartError) throw cause;
    throw new StartError(`--cidfile: ${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

async function create(
  context: ContainersContext,
  claim: Claim,
  run: DockerRun,
  options: { name?: string; body: CreateBody },
): Promise<string> {
  const { engine } = context;
  if (run.pull === 'always') await pullImage(context, claim.unit, run);
  const { platform } = run;
  const attempt = () => engine.createContainer({ ...options, ...(platform === undefined ? {} : { platform }) });
  try {
    return await attempt();
  } catch (error) {
    if (isConflict(error) && options.name !== undefined) await freeName(context, claim, options.name, error);
    else if (isMissing(error) && !(await engine.hasImage(run.image))) await fetchMissing(context, claim.unit, run);
    else throw error;
  }
  // What was in the way is gone; there may still be the other thing (no image, and the name taken).
  return attempt().catch(async (error: unknown) => {
    if (!isConflict(error) || options.name === undefined) throw error;
    await freeName(context, claim, options.name, error);
    return attempt();
  });
}

/**
 * Starts a container that was just created.
 * @throws {StartError} its image does not have the program. The engine says so itself, unless an init stands between.
 */
export async function startCreated(engine: Engine, container: string, run: DockerRun): Promise<void> {
  const [program] = run.body.HostConfig.Init === true ? (run.body.Entrypoint ?? []) : [];
  if (program?.startsWith('/') && !(await engine.hasPath(container, program))) {
    throw new StartError(`image ${run.image} has no ${program}`);
  }
  await engine.startContainer(container);
}

async function fetchMissing(context: ContainersContext, unit: string, run: DockerRun): Promise<void> {
  if (run.pull === 'never') throw new StartError(`image ${run.image} is not on this machine, and --pull=never`);
  await pullImage(context, unit, run);
}

async function pullImage({ images }: ContainersContext, unit: string, run: DockerRun): Promise<void> {
  try {
    await images.pull(unit, run.image, run.platform, new AbortController().signal);
  } catch (cause) {
    const answer = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`image ${run.image} could not be pulled: ${answer}`, { cause });
  }
}

/** Removes the container that has the name, if the claim goes before its owner's. */
async function freeName(context: ContainersContext, claim: Claim, name: string, cause: unknown): Promise<void> {
  const holder = await context.engine.inspectContainer(name);
  if (!holder) return;
  if (!mayReplace(claim, holder))
    throw new StartError(`container name ${name} is taken ${holderText(holder)}`, { cause });
  await discard(context, holder.id);
}

function holderText(holder: ContainerState): string {
  const owner = ownerOf(holder.labels);
  if (!owner) return `by a container that Flotilla did not start (docker rm -f ${holder.name} would free it)`;
  return `by unit ${owner.unit} on machine ${owner.machine}`;
}

function mayReplace(claim: Claim, holder: Pick<ContainerState, 'labels' | 'running'>): boolean {
  const owner = ownerOf(holder.labels);
  if (!owner) return false;
  if (owner.disposable && !holder.running) return true;
  return owner.unit === claim.unit && isOutranked(owner, claim);
}

/** The node's own, or one that an older placement of the same cluster started. */
function isOutranked(owner: Owner, { node, cluster, token }: Claim): boolean {
  return owner.node === node || (owner.cluster === cluster && owner.token < token);
}

/** Removes the unit's earlier main containers: this node's own, and others' that an older placement started. */
export async function removeLeftovers(context: ContainersContext, claim: Claim): Promise<void> {
  const found = await context.engine.listContainers(labelFilter({ unit: claim.unit, kind: 'main' }));
  const stale = found.filter(({ labels }) => {
    const owner = ownerOf(labels);
    return owner !== null && isOutranked(owner, claim);
  });
  for (const { id } of stale) await discard(context, id);
}

/** Kills and removes a container with its anonymous volumes; somebody else may have been faster. */
export async function discard({ engine, signals }: ContainersContext, container: string): Promise<void> {
  signals.note(container, 'SIGKILL');
  try {
    await engine.removeContainer(container, { force: true, volumes: true });
  } catch (error) {
    // 409: its removal is already under way.
    if (!isMissing(error) && !isConflict(error)) throw error;
  }
}

/** Any failure of the engine while a command is started, said for people. */
export function asStartError(engine: Engine, line: string, error: unknown): StartError {
  if (error instanceof StartError) return error;
  if (error instanceof EngineUnreachableError) {
    return new StartError(`the Docker engine at ${engine.address} does not answer`, { cause: error });
  }
  return new StartError(`${line}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
