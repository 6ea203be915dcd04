import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { takeFromDebianArchive } from './aptPackage.ts';
import { debianPackage, findOrFetchNatsServer, NatsServerMissingError } from './fetchNatsServer.ts';
import { isAccessible } from './files.ts';
import { probeNatsServer } from './natsBinary.ts';
import { natsRelease } from './releaseDownload.ts';
import { runCommand } from './runCommand.ts';

interface Machine {
  root: string;
  lines: string[];
  find(env?: NodeJS.ProcessEnv): ReturnType<typeof findOrFetchNatsServer>;
}

/** A machine with nothing on PATH and no package archive. */
async function emptyMachine(t: TestContext): Promise<Machine> {
  const root = await mkdtemp(join(tmpdir(), 'flotilla-fetch-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const lines: string[] = [];
  return {
    root,
    lines,
    find: (env = {}) =>
      findOrFetchNatsServer({
        progress: (line) => lines.push(line),
        cacheDir: join(root, 'cache'),
        etc: join(root, 'etc'),
        env: { PATH: join(root, 'bin'), FLOTILLA_NATS_RELEASES: 'http://127.0.0.1:2/releases', ...env },
      }),
  };
}

async function installFake(dir: string, version: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'nats-server');
  await writeFile(path, `#!/bin/sh\necho 'nats-server: v${version}'\n`, { mode: 0o755 });
  return path;
}

interface Mirror {
  url: string;
  requests: string[];
}

/** Publishes a release, with the right checksum or with another one. */
async function startMirror(t: TestContext, root: string, checksum: 'right' | 'wrong'): Promise<Mirror> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `nats-server-v${natsRelease}-${process.platform}-${arch}`;
  await installFake(join(root, 'release', name), natsRelease);
  const archive = join(root, `${name}.tar.gz`);
  await runCommand('tar', ['-czf', archive, '-C', join(root, 'release'), name], { timeoutMs: 10_000 });
  const data = await readFile(archive);
  const sum = createHash('sha256')
    .update(checksum === 'right' ? data : 'something else')
    .digest('hex');
  const files: Record<string, string | Buffer> = {
    [`/v${natsRelease}/SHA256SUMS`]: `${'0'.repeat(64)}  another.zip\n${sum}  ${name}.tar.gz\n`,
    [`/v${natsRelease}/${name}.tar.gz`]: data,
  };
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.statusCode = request.url && request.url in files ? 200 : 404;
    response.end(files[request.url ?? '']);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { url: `http://127.0.0.1:${address.port}`, requests };
}

test('an installed server is used when it is new enough', async (t) => {
  const { root, find } = await emptyMachine(t);
  const path = await installFake(join(root, 'sbin'), '2.11.0');
  assert.deepEqual(await find(), { path, version: '2.11.0', source: 'installed' });
  const named = await installFake(join(root, 'elsewhere'), '3.0.1');
  assert.equal((await find({ NATS_SERVER: named })).path, named);
});

test('where nothing can be had, the error says of each way why, and what to do', async (t) => {
  const { root, find } = await emptyMachine(t);
  await installFake(join(root, 'bin'), '2.10.29');
  await assert.rejects(find(), (error) => {
    assert.ok(error instanceof NatsServerMissingError);
    assert.match(error.message, /installed: .*2\.10\.29; 2\.11\.0 or newer is needed/);
    assert.match(error.message, /official release: .*127\.0\.0\.1:2.*ECONNREFUSED/);
    assert.match(error.message, /Debian package: this is not a system of the Debian family/);
    assert.match(error.message, /Install it .*NATS_SERVER/s);
    return true;
  });
});

test('the official release is downloaded once, however many want it, and kept', async (t) => {
  const { root, find } = await emptyMachine(t);
  const mirror = await startMirror(t, root, 'right');
  const env = { FLOTILLA_NATS_RELEASES: mirror.url };
  const found = await Promise.all([find(env), find(env), find(env)]);
  assert.deepEqual(new Set(found.map(({ version }) => version)), new Set([natsRelease]));
  assert.equal(mirror.requests.length, 2);
  assert.equal((await find()).source, 'fetched earlier');
  const cache = join(root, 'cache', 'nats-server');
  assert.equal((await readdir(cache)).length, 1, 'nothing but the program is left there');
});

test('a release that is not what its authors published is not used', async (t) => {
  const { root, find } = await emptyMachine(t);
  const mirror = await startMirror(t, root, 'wrong');
  await assert.rejects(find({ FLOTILLA_NATS_RELEASES: mirror.url }), /SHA256SUMS says/);
  assert.deepEqual(await readdir(join(root, 'cache', 'nats-server')), []);
});

test('the package of a newer Debian suite is taken from the archive that this machine uses', async (t) => {
  if (!(await isAccessible('/usr/share/keyrings/debian-archive-keyring.gpg'))) return t.skip('this is not Debian');
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-apt-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const lines: string[] = [];
  const program = await takeFromDebianArchive({
    ...debianPackage,
    dir,
    etc: '/etc',
    progress: (line) => lines.push(line),
  });
  assert.match(await probeNatsServer(program), /^2\.(1[1-9]|[2-9]\d)\./);
  assert.match(lines[0] ?? '', /signed-by=/);
});

test('an archive that the Debian keyring does not vouch for is refused', async (t) => {
  if (!(await isAccessible('/usr/share/keyrings/debian-archive-keyring.gpg'))) return t.skip('this is not Debian');
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-apt-'));
  const release =
    'Suite: forky\nCodename: forky\nComponents: main\nArchitectures: amd64\nDate: Mon, 01 Jan 2024 00:00:00 UTC\n';
  const server = createServer((request, response) => {
    response.statusCode = request.url?.endsWith('/Release') ? 200 : 404;
    response.end(release);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.close();
    await rm(dir, { recursive: true, force: true });
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const etc = join(dir, 'etc');
  await mkdir(join(etc, 'apt'), { recursive: true });
  await writeFile(join(etc, 'os-release'), 'ID=debian\nVERSION_CODENAME=bookworm\n');
  await writeFile(join(etc, 'apt', 'sources.list'), `deb http://127.0.0.1:${address.port} bookworm main\n`);
  await assert.rejects(
    takeFromDebianArchive({ ...debianPackage, dir, etc, progress() {} }),
    /forky: apt-get failed: .*not signed/,
  );
});
