import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { commandOf, serviceOf } from './runtime/runtime.contract.ts';
import { StartError } from './runtime/runtime.ts';
import { unitEnvironment } from './unitEnvironment.ts';

const service = (changes: Parameters<typeof serviceOf>[1]) => serviceOf(commandOf('/main'), changes);

describe('the environment of a unit', { timeout: 10_000 }, () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-environment-'));
    process.env.FLOTILLA_TEST_PASSED = 'from the node';
  });
  afterEach(async () => {
    delete process.env.FLOTILLA_TEST_PASSED;
    await rm(directory, { recursive: true });
  });

  it('has a path and a language, and of the node what is passed on, no more', async () => {
    const { PATH, LANG, ...rest } = await unitEnvironment(
      service({ passEnvironment: ['FLOTILLA_TEST_PASSED', 'NOPE'] }),
    );
    assert.ok(PATH && LANG);
    assert.deepEqual(rest, { FLOTILLA_TEST_PASSED: 'from the node' });
  });

  it('has what the node gives to all units, unless the unit says otherwise', async () => {
    const given = { FLOTILLA_KV_ENDPOINT: 'h:2379', FLOTILLA_KV_USER: 'u' };
    const environment = await unitEnvironment(service({ environment: { FLOTILLA_KV_USER: 'me' } }), given);
    assert.deepEqual([environment.FLOTILLA_KV_ENDPOINT, environment.FLOTILLA_KV_USER], ['h:2379', 'me']);
  });

  it('says who the unit runs as, with home and shell where that is one to log in to', async () => {
    const { PATH: _, LANG, ...nobody } = await unitEnvironment(service({ user: 'nobody' }));
    assert.deepEqual(nobody, { USER: 'nobody', LOGNAME: 'nobody', HOME: '/nonexistent' });
    const { USER, HOME, SHELL } = await unitEnvironment(service({ user: '0', environment: { HOME: '/mine' } }));
    assert.deepEqual([USER, HOME, SHELL?.startsWith('/')], ['root', '/mine', true]);
    await assert.rejects(unitEnvironment(service({ user: 'no-such-user' })), /User=no-such-user: no such user/);
  });

  it('has nothing of the machine where an image has its own', async () => {
    const ofImage = { image: 'image:1', user: 'of-the-image', environment: { A: '1' } };
    assert.deepEqual(await unitEnvironment(service(ofImage)), { A: '1' });
  });

  it('lacks what is unset, by name, or by name and value', async () => {
    const changes = { environment: { A: '1', B: '2', C: '3' }, unsetEnvironment: ['A', 'B=2', 'C=2', 'LANG'] };
    const { PATH: _, ...rest } = await unitEnvironment(service(changes));
    assert.deepEqual(rest, { C: '3' });
  });

  it('lets files overrule Environment=, later files earlier ones, and both what is passed on', async () => {
    const paths = [join(directory, 'one'), join(directory, 'two')];
    await writeFile(paths[0] ?? '', 'A=one\nB=one\n');
    await writeFile(paths[1] ?? '', 'B=two\n');
    const environment = await unitEnvironment(
      service({
        environment: { A: 'unit', C: 'unit', FLOTILLA_TEST_PASSED: 'unit' },
        passEnvironment: ['FLOTILLA_TEST_PASSED'],
        environmentFiles: paths.map((path) => ({ path, optional: false })),
      }),
    );
    const { A, B, C, FLOTILLA_TEST_PASSED } = environment;
    assert.deepEqual([A, B, C, FLOTILLA_TEST_PASSED], ['one', 'two', 'unit', 'unit']);
  });

  it('is not read from what may never end, or is too large', async () => {
    const large = join(directory, 'large');
    await writeFile(large, `A=${'x'.repeat(1024 * 1024)}\n`);
    for (const [path, why] of [
      ['/dev/zero', /not a regular file/],
      [large, /more than 1048576 bytes/],
    ] as const) {
      await assert.rejects(unitEnvironment(service({ environmentFiles: [{ path, optional: false }] })), why);
    }
  });

  it('may lack a file only if the unit says so', async () => {
    const path = join(directory, 'missing');
    await unitEnvironment(service({ environmentFiles: [{ path, optional: true }] }));
    const strict = unitEnvironment(service({ environmentFiles: [{ path, optional: false }] }));
    await assert.rejects(strict, (error) => error instanceof StartError && error.message.includes(path));
  });
});
