import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { findOrFetchNatsServer } from '../shared/embedded/fetchNatsServer.ts';
import { isAccessible } from '../shared/embedded/files.ts';

/** Something that the tests stand on is not there; the message says what and why. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

const imagesScript = 'scripts/images.sh';

/**
 * Makes sure of nats-server, looks for Docker and its test images, and builds what the tests of whole clusters run.
 * Resolves with what went wrong: the tests that do not need it can run all the same.
 * @throws {NatsServerMissingError}
 */
export async function prepareTests(say: (line: string) => void): Promise<SetupError[]> {
  const nats = await findOrFetchNatsServer({ progress: say });
  say(`nats-server ${nats.version}, ${nats.source}: ${nats.path}`);
  const problems = [await prepareDocker(say)];
  if (await isBuildStale()) problems.push(await runVisibly('npm', ['run', '--silent', 'build'], say));
  return problems.filter((problem) => problem !== null);
}

async function prepareDocker(say: (line: string) => void): Promise<SetupError | null> {
  const problem = await dockerProblem();
  if (problem === null) {
    say('the Docker engine answers');
    return runVisibly('sh', [imagesScript], say);
  }
  if (process.env.FLOTILLA_REQUIRE_DOCKER === '1') {
    return new SetupError(`FLOTILLA_REQUIRE_DOCKER is set, but the Docker engine does not answer: ${problem}`);
  }
  say(`the Docker engine does not answer (${problem}): the tests that need it will be skipped`);
  return null;
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

/** Null when it succeeded. */
async function runVisibly(
  program: string,
  args: readonly string[],
  say: (line: string) => void,
): Promise<SetupError | null> {
  const command = [program, ...args].join(' ');
  say(`running ${command}`);
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: 300_000 });
  const [code, signal] = await once(child, 'exit');
  return code === 0 ? null : new SetupError(`${command} failed (${signal ?? `exit code ${code}`}); see above`);
}
