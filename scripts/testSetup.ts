import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { findOrFetchNatsServer } from '../shared/embedded/fetchNatsServer.ts';
import { isAccessible } from '../shared/embedded/files.ts';

/** What the tests stand on could not be prepared; the message says what and why. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

const imagesScript = 'scripts/images.sh';

/**
 * Makes sure of nats-server, looks for Docker and its test images, and builds what the tests of whole clusters run.
 * @throws {SetupError}
 * @throws {NatsServerMissingError}
 */
export async function prepareTests(say: (line: string) => void): Promise<void> {
  const nats = await findOrFetchNatsServer({ progress: say });
  say(`nats-server ${nats.version}, ${nats.source}: ${nats.path}`);
  await prepareDocker(say);
  if (await isBuildStale()) await runVisibly('npm', ['run', '--silent', 'build'], say);
}

async function prepareDocker(say: (line: string) => void): Promise<void> {
  const problem = await dockerProblem();
  if (problem === null) {
    say('the Docker engine answers');
    if (await isAccessible(imagesScript)) await runVisibly('bash', [imagesScript], say);
    return;
  }
  if (process.env.FLOTILLA_REQUIRE_DOCKER === '1') {
    throw new SetupError(`FLOTILLA_REQUIRE_DOCKER is set, but the Docker engine does not answer: ${problem}`);
  }
  say(`the Docker engine does not answer (${problem}): the tests that need it will be skipped`);
}

/** Null when the engine answers, else why not. */
export function dockerProblem(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  return new Promise((resolve) => {
    const call = request({ ...engineAddress(env.DOCKER_HOST), path: '/_ping', timeout: 3_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? null : `HTTP ${response.statusCode}`);
    });
    call.on('timeout', () => call.destroy(new Error('no answer in 3 s')));
    call.on('error', (error) => resolve(error.message));
    call.end();
  });
}

function engineAddress(host = 'unix:///var/run/docker.sock'): { socketPath: string } | { host: string; port: string } {
  const url = new URL(host);
  return url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port };
}

/** Whether any source is newer than what was built of them. */
async function isBuildStale(): Promise<boolean> {
  if (!(await isAccessible('dist/flotilla.js'))) return true;
  const { mtimeMs: builtMs } = await stat('dist/flotilla.js');
  const sources = ['package-lock.json', 'scripts/build.mjs'];
  for (const dir of ['cli', 'services', 'shared']) sources.push(...(await filesUnder(dir)));
  const times = await Promise.all(sources.map(async (file) => (await stat(file)).mtimeMs));
  return Math.max(...times) > builtMs;
}

/** All files below a directory, by path. */
export async function filesUnder(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function runVisibly(program: string, args: readonly string[], say: (line: string) => void): Promise<void> {
  say(`running ${program} ${args.join(' ')}`);
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: 600_000 });
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new SetupError(`${program} ${args.join(' ')} failed (${signal ?? `exit code ${code}`})`);
}
