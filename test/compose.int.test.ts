/**
 * What can be said of docker-compose.yml and the Dockerfile without a registry: that their parts exist and fit together,
 * and that NATS takes the configuration it is given.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { takeFromDebianArchive } from '../shared/embedded/aptPackage.ts';
import { findOrFetchNatsServer } from '../shared/embedded/fetchNatsServer.ts';
import { CommandError, runCommand } from '../shared/embedded/runCommand.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const compose = await readFile(join(root, 'docker-compose.yml'), 'utf8');
const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');

async function temporaryDirectory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-compose-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Sources of the Dockerfile's COPY instructions that come from the project. */
function copiedSources(): string[] {
  return [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, words = '']) => words.split(' ').slice(0, -1));
}

/** The lines below `header` that are indented more than it. */
function block(header: string): string[] {
  const lines = compose.split('\n');
  const start = lines.indexOf(header);
  assert.notEqual(start, -1, `there is ${header}`);
  const depth = (line: string) => line.length - line.trimStart().length;
  const length = lines.slice(start + 1).findIndex((line) => line !== '' && depth(line) <= depth(lines[start] ?? ''));
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length);
}

function keysBelow(header: string): string[] {
  return block(header).flatMap((line) => /^ {2}([\w-]+):/.exec(line)?.[1] ?? []);
}

test('Compose itself accepts the file', async (t) => {
  const [program = '', ...args] = await findCompose(await temporaryDirectory(t));
  const config = (env: NodeJS.ProcessEnv) =>
    runCommand(program, [...args, 'config'], { cwd: root, env, timeoutMs: 30_000 });
  assert.match(await config({ ...process.env, FLOTILLA_PASSWORD: 'secret' }), /sync_interval: always/);
  await assert.rejects(config({ PATH: process.env.PATH }), /set it in \.env/);
});

/** The installed plugin; else the program of the package of a newer Debian than this machine's may be. */
async function findCompose(dir: string): Promise<string[]> {
  try {
    await runCommand('docker', ['compose', 'version'], { timeoutMs: 30_000 });
    return ['docker', 'compose'];
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
  const check = (path: string) => runCommand(path, ['version'], { timeoutMs: 30_000 });
  const program = 'usr/libexec/docker/cli-plugins/docker-compose';
  return [await takeFromDebianArchive({ dir, etc: '/etc', progress() {}, name: 'docker-compose', program, check })];
}

test('it is the cluster that `flotilla up` brings up: NATS, a scheduler, a store, an API and three nodes, each with its own data', () => {
  const services = keysBelow('services:');
  assert.deepEqual(services, ['nats', 'scheduler', 'kv', 'api', 'node-1', 'node-2', 'node-3']);
  // What a store or an API knows is on the log.
  const keeping = services.filter((service) => service !== 'kv' && service !== 'api');
  assert.deepEqual(keysBelow('volumes:'), keeping);
  for (const service of keeping) {
    const mounts = block(`  ${service}:`).filter((line) => /^ {6}- /.test(line));
    assert.match(mounts.join('\n'), new RegExp(`- ${service}:/`));
    assert.equal(
      mounts.some((line) => line.includes('docker.sock')),
      service.startsWith('node-'),
    );
  }
});

test('nats-server takes the configuration, with any password, and syncs before it acknowledges', async (t) => {
  const dir = await temporaryDirectory(t);
  const text = block('    content: |').join('\n').replaceAll('$$', '$').replaceAll('/data', join(dir, 'data'));
  assert.match(text, /sync_interval: always/);
  const file = join(dir, 'nats.conf');
  await writeFile(file, text);
  const { path } = await findOrFetchNatsServer({ progress: console.error });
  // As the file writes it for the container: in quotes.
  assert.match(compose, /NATS_PASSWORD: '"\$\{FLOTILLA_PASSWORD:\?[^}]*\}"'/);
  for (const password of ['123', 'c0ffee', '12e3']) {
    const env = { NATS_PASSWORD: `"${password}"` };
    await runCommand(path, ['-t', '-c', file], { env, timeoutMs: 10_000 });
  }
  await assert.rejects(runCommand(path, ['-t', '-c', file], { env: {}, timeoutMs: 10_000 }), /NATS_PASSWORD/);
});

test('the image is built from what there is, and runs the commands that Compose gives it', async (t) => {
  const dir = await temporaryDirectory(t);
  for (const source of copiedSources()) {
    await mkdir(join(dir, source, '..'), { recursive: true });
    await cp(join(root, source), join(dir, source), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  await runCommand('npm', ['run', 'build'], { cwd: dir, timeoutMs: 60_000 });
  assert.ok((await stat(join(dir, 'dist/flotilla.js'))).mode & 0o100, 'it is executable');
  const help = await runCommand(process.execPath, [join(dir, 'dist/flotilla.js'), 'help'], { timeoutMs: 30_000 });
  const verbs = [...compose.matchAll(/^ {4}command: \[("\w+"(?:, "\w+")?), "--server"/gm)].map(([, words = '']) =>
    words.replaceAll(/[",]/g, ''),
  );
  assert.deepEqual(new Set(verbs), new Set(['scheduler', 'kv serve', 'api', 'node']));
  for (const verb of verbs) assert.match(help, new RegExp(`^\\s*${verb}\\b`, 'm'));
});
