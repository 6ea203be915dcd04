import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { dockerSkip, ensureImage } from '../support/docker.ts';
import type { CleanUp } from '../support/nats.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const skip = await dockerSkip();
const source = join(import.meta.dirname, '../../examples/services');
const suffix = randomBytes(4).toString('hex');

const inbox = join(tmpdir(), `flotilla-inbox-${suffix}`);

/** The engine is everybody's: what examples call by a plain name gets one of this test's own. */
function own(text: string): string {
  return text
    .replaceAll(/(redis|postgres)-data/g, `$1-data-${suffix}`)
    .replaceAll(/(docker exec |ContainerName=)postgres/g, `$1postgres-${suffix}`)
    .replaceAll('/srv/inbox', inbox)
    .replaceAll('web-%i', `web-%i-${suffix}`);
}

async function copyExamples(directory: string): Promise<string[]> {
  const names = (await readdir(source)).filter((name) => name !== 'README.md');
  await mkdir(directory);
  for (const name of names) await writeFile(join(directory, name), own(await readFile(join(source, name), 'utf8')));
  return names;
}

async function startCluster(t: CleanUp): Promise<TestCluster> {
  const volumes = ['redis', 'postgres'].map((name) => `${name}-data-${suffix}`);
  const cluster = await startTestCluster(t, { nodes: 2, stores: 1, runtime: 'auto' });
  t.after(async () => {
    for (const path of [inbox, `${inbox}.done`]) await rm(path, { recursive: true, force: true });
  });
  t.after(async () => void (await run('docker', ['volume', 'rm', '--force', ...volumes])));
  return cluster;
}

describe('the examples', { skip, timeout: 180_000 }, () => {
  it('run as their comments say, all of them together', async (t) => {
    await Promise.all((['busybox', 'redis', 'nginx', 'postgres'] as const).map((name) => ensureImage(name)));
    const cluster = await startCluster(t);
    const directory = join(cluster.dir, 'examples');
    const names = await copyExamples(directory);
    const start = async (...units: string[]) => {
      const { code, stdout, stderr } = await cluster.cli('start', ...units.map((unit) => join(directory, unit)));
      assert.equal(code, 0, stdout + stderr);
    };
    const instances = ['web@1', 'web@2', 'web-announce@1', 'worker@1', 'app@blue', 'app@green'];
    // The timer and the path bring theirs along.
    const brought = ['backup.service', 'inbox.service'];
    const others = names.filter((name) => !name.includes('@') && !brought.includes(name));
    await start(...others, ...instances.map((name) => `${name}.service`));

    const isUp = new Map([
      ['migrate.service', 'exited undefined'],
      ['backup.service', 'dead undefined'],
      ['backup.timer', 'waiting undefined'],
      ['inbox.service', 'dead undefined'],
      ['inbox.path', 'waiting undefined'],
      ...['redis', 'postgres', 'web@1', 'web@2', 'app@blue', 'app@green'].map(
        (name) => [`${name}.service`, 'running healthy'] as const,
      ),
      ...['web-announce@1', 'worker@1', 'log-shipper', 'leader'].map(
        (name) => [`${name}.service`, 'running undefined'] as const,
      ),
    ]);
    const rows = await cluster.unitsUntil(
      'everything is as it should be',
      (units) => units.every(({ unit, sub, health }) => isUp.get(unit) === `${sub} ${health}`),
      90_000,
    );
    assert.deepEqual([...new Set(rows.map(({ unit }) => unit))].sort(), [...isUp.keys()].sort());
    const machinesOf = (unit: string) => rows.filter((row) => row.unit === unit).map(({ machine }) => machine);
    assert.equal(new Set(machinesOf('log-shipper.service')).size, 2);
    assert.deepEqual(machinesOf('migrate.service'), machinesOf('postgres.service'));

    const psql = async (...args: string[]) =>
      (await run('docker', ['exec', `postgres-${suffix}`, 'psql', '-tAc', ...args])).stdout.trim();
    assert.equal(await psql("SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'"), '2');
    await psql("INSERT INTO orders VALUES (1, 'kept')");
    await start('backup.service');
    const backup = await run('docker', ['exec', `postgres-${suffix}`, 'cat', '/var/lib/postgresql/backup.sql']);
    assert.match(backup.stdout, /^1\tkept$/m);
    await until('web servers and their sidekick are announced', async () => {
      const { stdout } = await cluster.cli('kv', 'get', '/s', '--prefix', '--keys-only');
      const keys = ['/services/app/blue', '/services/redis', '/services/web/1', '/services/web/2', '/sidekicks/web/1'];
      return keys.every((key) => stdout.includes(key));
    });
    await writeFile(join(inbox, 'a.csv'), '1;2');
    const isTaken = () =>
      access(join(`${inbox}.done`, 'a.csv')).then(
        () => true,
        () => false,
      );
    await until('the inbox is taken', isTaken);
    const destroyed = await cluster.cli('destroy', '*');
    assert.equal(destroyed.code, 0, destroyed.stderr);
  });
});
