import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeFromDebianArchive } from './aptPackage.ts';
import { describeError } from './describeError.ts';
import {
  type NatsBinary,
  natsServersOnPath,
  oldestNatsVersion,
  probeNatsServer,
  UnusableNatsServerError,
} from './natsBinary.ts';
import { tryLock } from './processLock.ts';
import { downloadRelease, officialReleases } from './releaseDownload.ts';

export interface FindOptions {
  /** Told one line for everything that takes time. */
  progress: (line: string) => void;
  /** Where a fetched server is kept; by default `flotilla` in the user's cache directory (XDG). */
  cacheDir?: string;
  /** `PATH`; `NATS_SERVER`, a program to use; `FLOTILLA_NATS_RELEASES`, a mirror of the official releases. */
  env?: NodeJS.ProcessEnv;
  /** The machine's configuration directory. */
  etc?: string;
}

/** There is no nats-server and none could be fetched; the message says what was tried and what to do. */
export class NatsServerMissingError extends Error {
  override readonly name = 'NatsServerMissingError';
}

/** Where Debian has it, for {@link takeFromDebianArchive}. */
export const debianPackage = { name: 'nats-server', program: 'usr/sbin/nats-server', check: probeNatsServer };

const lockTimeoutMs = 600_000;
const lockPollMs = 100;

/**
 * A nats-server that runs on this machine: the one that is installed, else one fetched before, else one fetched now:
 * the official release, or, where that is out of reach, the package of the machine's Debian archive. Each is verified
 * before it is used. Several callers at once fetch once.
 * @throws {NatsServerMissingError}
 */
export async function findOrFetchNatsServer(options: FindOptions): Promise<NatsBinary> {
  const { progress, env = process.env } = options;
  const failures: string[] = [];
  const installed = await findInstalled(env, failures);
  if (installed !== null) return installed;
  const dir = join(options.cacheDir ?? cacheDirOf(env), 'nats-server');
  const cached = await findCached(dir);
  if (cached !== null) return cached;
  await mkdir(dir, { recursive: true });
  const lock = await waitForLock(join(dir, 'lock'), progress);
  try {
    // Whoever held the lock has perhaps fetched it.
    return (await findCached(dir)) ?? (await fetchInto(dir, { progress, env, etc: options.etc ?? '/etc', failures }));
  } finally {
    await lock.release();
  }
}

async function findInstalled(env: NodeJS.ProcessEnv, failures: string[]): Promise<NatsBinary | null> {
  const named = env.NATS_SERVER ? [{ path: env.NATS_SERVER, source: 'named by NATS_SERVER' }] : [];
  const onPath = (await natsServersOnPath(env)).map((path) => ({ path, source: 'installed' }));
  for (const { path, source } of [...named, ...onPath]) {
    try {
      return { path, version: await probeNatsServer(path), source };
    } catch (error) {
      if (!(error instanceof UnusableNatsServerError)) throw error;
      failures.push(`${source}: ${error.message}`);
    }
  }
  return null;
}

/** What an earlier fetch left, which verified it; null when there is nothing or it no longer runs here. */
async function findCached(dir: string): Promise<NatsBinary | null> {
  const path = join(dir, programName());
  try {
    return { path, version: await probeNatsServer(path), source: 'fetched earlier' };
  } catch (error) {
    if (error instanceof UnusableNatsServerError) return null;
    throw error;
  }
}

interface FetchContext {
  progress: (line: string) => void;
  env: NodeJS.ProcessEnv;
  etc: string;
  failures: string[];
}

async function fetchInto(dir: string, { progress, env, etc, failures }: FetchContext): Promise<NatsBinary> {
  const releasesUrl = env.FLOTILLA_NATS_RELEASES ?? officialReleases;
  const ways = [
    { source: 'official release', fetch: (work: string) => downloadRelease({ dir: work, releasesUrl, progress }) },
    {
      source: 'Debian package',
      fetch: (work: string) => takeFromDebianArchive({ ...debianPackage, dir: work, progress, etc }),
    },
  ];
  for (const { source, fetch } of ways) {
    progress(`no nats-server ${oldestNatsVersion} or newer here yet: trying the ${source}`);
    const work = await mkdtemp(join(dir, 'fetch-'));
    try {
      const path = await putIntoPlace(await fetch(work), dir);
      const version = await probeNatsServer(path);
      progress(`nats-server ${version} (${source}) is now in ${dir}`);
      return { path, version, source };
    } catch (error) {
      failures.push(`${source}: ${describeError(error)}`);
      progress(`the ${source} cannot be had: ${describeError(error)}`);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  throw new NatsServerMissingError(explainMissing(failures));
}

/** Makes the program appear in one step: nobody sees half of it. */
async function putIntoPlace(program: string, dir: string): Promise<string> {
  const staged = `${program}.staged`;
  await copyFile(program, staged);
  await chmod(staged, 0o755);
  const path = join(dir, programName());
  await rename(staged, path);
  return path;
}

function explainMissing(failures: readonly string[]): string {
  return [
    `nats-server ${oldestNatsVersion} or newer is needed and could not be found or fetched:`,
    ...failures.map((failure) => `  - ${failure}`),
    'Install it (https://docs.nats.io/running-a-nats-service/introduction/installation) so that it is on PATH,',
    'or set NATS_SERVER to the program.',
  ].join('\n');
}

async function waitForLock(path: string, progress: (line: string) => void) {
  const deadline = AbortSignal.timeout(lockTimeoutMs);
  for (let told = false; ; told = true) {
    const lock = await tryLock(path);
    if ('release' in lock) return lock;
    if (!told) progress(`process ${lock.heldBy.pid} is fetching nats-server: waiting for it`);
    if (deadline.aborted) {
      throw new NatsServerMissingError(
        `process ${lock.heldBy.pid} has been fetching nats-server for too long (${path})`,
      );
    }
    await sleep(lockPollMs);
  }
}

/** XDG Base Directory Specification. */
function cacheDirOf(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'flotilla');
}

/** The cache may be shared by machines of several kinds. */
function programName(): string {
  return `nats-server-${process.platform}-${process.arch}${process.platform === 'win32' ? '.exe' : ''}`;
}
