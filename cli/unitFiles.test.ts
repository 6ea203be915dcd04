import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FailureError } from './errors.ts';
import { findUnits } from './unitFiles.ts';

const good = '[Service]\nExecStart=/bin/sleep 1\n';

async function directory(t: TestContext, files: Record<string, string | Uint8Array> = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-units-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
  return dir;
}

async function problemsOf(path: string): Promise<string> {
  const failure = await findUnits([path]).then(
    () => assert.fail(`${path} was accepted`),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof FailureError);
  return failure.details.join('\n').replaceAll(`${path}`, 'FILE');
}

test('a unit is the file at the path as typed, byte for byte', async (t) => {
  const text = '\ufeff# café\r\n[Service]\r\nExecStart=/bin/true\r\n\r\n';
  const dir = await directory(t, { 'a.service': text });
  assert.deepEqual(await findUnits([join(dir, 'a.service')]), [{ name: 'a.service', text }]);
});

test('a name without a type is a service', async (t) => {
  const dir = await directory(t, { 'a.service': good });
  assert.deepEqual(await findUnits([join(dir, 'a')]), [{ name: 'a.service', text: good }]);
});

test('a symbolic link gives the unit its own name and what it leads to', async (t) => {
  const dir = await directory(t, { 'redis.service': good });
  await symlink('redis.service', join(dir, 'polop@redis.service'));
  assert.deepEqual(await findUnits([join(dir, 'polop@redis.service')]), [{ name: 'polop@redis.service', text: good }]);
});

test('an instance is made of the template beside it, unless it has a file of its own', async (t) => {
  const own = `${good}# its own\n`;
  const dir = await directory(t, { 'web@.service': good, 'web@2.service': own });
  assert.deepEqual(await findUnits([join(dir, 'web@1.service'), join(dir, 'web@2.service')]), [
    { name: 'web@1.service', text: good },
    { name: 'web@2.service', text: own },
  ]);
});

test('without any file a unit goes without text: the cluster may know it', async (t) => {
  const dir = await directory(t, { plain: '' });
  assert.deepEqual(await findUnits([join(dir, 'a.service')]), [{ name: 'a.service' }]);
  assert.deepEqual(await findUnits([join(dir, 'plain', 'web@1')]), [{ name: 'web@1.service' }]);
});

test('every problem of every file is told at once, with its file and line', async (t) => {
  const dir = await directory(t, {
    'a.service': '[Servce]\nExecStart=/bin/true\nFoo\n',
    'b.service': `${good}Retsart=no\nnonsense\n`,
  });
  const files = [join(dir, 'a.service'), join(dir, 'b.service')];
  await assert.rejects(findUnits(files), (error: FailureError) => {
    const text = error.details.join('\n');
    assert.match(text, /a\.service:1: error: .*\[Servce\]/);
    assert.match(text, /a\.service:3: error: /);
    assert.match(text, /b\.service:4: error: /);
    return true;
  });
});

test('what is no unit file says so: empty, binary, not UTF-8, too large, a directory', async (t) => {
  const dir = await directory(t, {
    'empty.service': '',
    'binary.service': new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0]),
    'latin1.service': new Uint8Array([...Buffer.from(good), 0x23, 0xe9]),
    'huge.service': new Uint8Array(10 * 1024 * 1024),
  });
  await mkdir(join(dir, 'dir.service'));
  assert.match(await problemsOf(join(dir, 'empty.service')), /^FILE: error: the unit file is empty/);
  assert.match(await problemsOf(join(dir, 'binary.service')), /^FILE: error: the unit file is binary/);
  assert.match(await problemsOf(join(dir, 'latin1.service')), /^FILE: error: the unit file is not UTF-8/);
  assert.match(await problemsOf(join(dir, 'huge.service')), /^FILE: error: has 10485760 bytes.*256 KiB/);
  assert.match(await problemsOf(join(dir, 'dir.service')), /^FILE: error: is a directory/);
});

test('a file under a bad name is refused for its name', async (t) => {
  const dir = await directory(t, { 'a b.service': good });
  assert.match(await problemsOf(join(dir, 'a b.service')), /error: the unit name "a b\.service" contains " "/);
});

test('a Quadlet file is the service of its name, a template of instances too, with drop-ins of both kinds', async (t) => {
  const text = '[Container]\nImage=a\n';
  const dir = await directory(t, { 'web.container': text, 'app@.container': text });
  for (const kind of ['container', 'service']) {
    await mkdir(join(dir, `web.${kind}.d`));
    await writeFile(join(dir, `web.${kind}.d`, `${kind}.conf`), `[Service]\nEnvironment=KIND=${kind}\n`);
  }
  const [web, app] = await findUnits([join(dir, 'web.container'), join(dir, 'app@1.container')]);
  assert.equal(web?.name, 'web.service');
  assert.deepEqual(web?.text?.match(/KIND=\w+/g), ['KIND=container', 'KIND=service']);
  assert.deepEqual(app, { name: 'app@1.service', text });
  await assert.rejects(
    findUnits([join(await directory(t, { 'bad.container': '[Container]\nImgae=a\n' }), 'bad.container')]),
  );
});
