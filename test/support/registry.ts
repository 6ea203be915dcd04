import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { isAccessible } from '../../shared/embedded/files.ts';
import type { CleanUp } from './nats.ts';

const run = promisify(execFile);

export const registryUser = 'ship';
export const registryPassword = 'horse-staple';
/** bcrypt of {@link registryPassword}, the only kind that the registry takes. */
const passwordHash = '$2b$04$nXat0VCityEi3Y7vE8Zgyu1UZolmFPGFCoSEQxVI6cdJw1VQz.FKy';

/** Docker's own registry on loopback, out of its Debian package, which lets in who knows the password. */
export async function startRegistry(t: CleanUp): Promise<{ port: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-registry-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const program = await findProgram(directory);
  const users = join(directory, 'users');
  await writeFile(users, `${registryUser}:${passwordHash}\n`);
  const configuration = {
    version: 0.1,
    log: { formatter: 'json' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') } },
    http: { addr: '127.0.0.1:0', relativeurls: true },
    auth: { htpasswd: { realm: 'test', path: users } },
  };
  const file = join(directory, 'config.yml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(configuration));
  const registry = spawn(program, ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(async () => {
    const ended = once(registry, 'exit');
    if (registry.kill()) await ended;
  });
  for await (const line of createInterface(registry.stderr)) {
    const [, port] = /listening on 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
    if (port !== undefined) {
      registry.stderr.resume();
      return { port: Number(port) };
    }
  }
  throw new Error('the registry ended before it listened');
}

async function findProgram(directory: string): Promise<string> {
  const installed = '/usr/bin/docker-registry';
  if (await isAccessible(installed)) return installed;
  await run('apt-get', ['download', 'docker-registry'], { cwd: directory });
  const [archive] = (await readdir(directory)).filter((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get downloaded no package docker-registry');
  await run('dpkg-deb', ['-x', join(directory, archive), join(directory, 'package')]);
  return join(directory, 'package/usr/bin/docker-registry');
}
