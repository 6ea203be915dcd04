import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commandOf, serviceOf } from '../runtime.contract.ts';
import { type RunRequest, StartError } from '../runtime.ts';
import { dockerCommandOf, finishBody, parseEnvFile, resolveEnv, runInImage } from './containerBody.ts';
import { defaultName, ownerOf } from './labels.ts';

const marks = {
  machine: 'm1',
  node: 'n1',
  cluster: 'c1',
  unit: 'web.service',
  kind: 'main',
  hash: 'h1',
  token: 7,
} as const;

function requestOf(...argv: [string, ...string[]]): RunRequest {
  const command = commandOf(...argv);
  return { unit: marks.unit, command, service: serviceOf(command), environment: { A: '1', B: 'x=y' } };
}

function runOf(...words: string[]) {
  const command = dockerCommandOf(requestOf('docker', 'run', ...words));
  assert.equal(command.verb, 'run');
  return command.verb === 'run' ? command : assert.fail();
}

describe('the body of a container', () => {
  it('is marked so that the next agent finds and understands it', async () => {
    const { Labels } = await finishBody(runOf('--rm', '-l', 'own=1', 'image'), {}, marks);
    assert.equal(Labels?.own, '1');
    assert.deepEqual(ownerOf(Labels ?? {}), {
      machine: 'm1',
      node: 'n1',
      cluster: 'c1',
      unit: 'web.service',
      token: 7,
      disposable: true,
    });
    assert.equal(Labels?.['flotilla.hash'], 'h1');
  });

  it('takes variables without a value from the environment of the command, and no others', async () => {
    const { Env } = await finishBody(runOf('-e', 'A', '-e', 'C', '-e', 'D=4', 'image'), { A: '1', B: '2' }, marks);
    assert.deepEqual(Env, ['A=1', 'C', 'D=4']);
  });

  it('is told of the key/value store what its command is told, unless the command line says otherwise', async () => {
    const environment = { FLOTILLA_KV_ENDPOINT: 'h:2379', FLOTILLA_KV_USER: 'u', OTHER: 'x' };
    const { Env } = await finishBody(runOf('-e', 'FLOTILLA_KV_USER=me', 'image'), environment, marks);
    assert.deepEqual(Env, ['FLOTILLA_KV_ENDPOINT=h:2379', 'FLOTILLA_KV_USER=me']);
  });

  it('has the variables of files, over which those of the command line win', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'flotilla-env-'));
    try {
      const file = join(directory, 'env');
      await writeFile(file, '# comment\n\nA\nFILE=1 #2\n  INDENTED=x\r\n');
      const { Env } = await finishBody(runOf('--env-file', file, '-e', 'FILE=3', 'image'), { A: 'a' }, marks);
      assert.deepEqual(Env, ['A=a', 'FILE=3', 'INDENTED=x']);
      const missing = finishBody(runOf('--env-file', join(directory, 'none'), 'image'), {}, marks);
      await assert.rejects(
        missing,
        (error) => error instanceof StartError && /none cannot be read/.test(error.message),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('is never removed by the engine, whose report of its end would go with it', async () => {
    assert.equal((await finishBody(runOf('--rm', 'image'), {}, marks)).HostConfig.AutoRemove, undefined);
  });

  it('has an open input only where nobody was to feed it anyway', async () => {
    const input = async (...options: string[]) => (await finishBody(runOf(...options, 'image'), {}, marks)).OpenStdin;
    assert.equal(await input('-i'), undefined);
    assert.equal(await input('-it'), true);
    assert.equal(await input('-di'), true);
  });

  it('runs the command of a unit with an image as the unit says', () => {
    const request = requestOf('/bin/echo', 'a b');
    const service = { ...request.service, user: 'me', group: 'us', workingDirectory: { path: '/w', optional: false } };
    const { body } = runInImage({ ...request, service }, 'image:1', true);
    assert.deepEqual(body, {
      Image: 'image:1',
      Entrypoint: ['/bin/echo'],
      Cmd: ['a b'],
      Env: ['A=1', 'B=x=y'],
      User: 'me:us',
      WorkingDir: '/w',
      HostConfig: { Init: true },
    });
  });

  it('has a variable of the image no more that the unit unsets', () => {
    const request = requestOf('/bin/echo');
    const service = { ...request.service, unsetEnvironment: ['LANG', 'A', 'B=x'] };
    assert.deepEqual(runInImage({ ...request, service }, 'image:1', true).body.Env, ['LANG', 'A=1', 'B=x=y']);
  });

  it('is not made of a command line with problems: all of them are told', () => {
    const request = requestOf('docker', 'run', '--frob', '-m', 'much', 'image');
    assert.throws(
      () => dockerCommandOf(request),
      (error) => error instanceof StartError && /--frob.*much/.test(error.message),
    );
  });
});

describe('variables for a container', () => {
  it('are one a line in a file', () => {
    assert.deepEqual(parseEnvFile('\uFEFFA=1\n#B=2\n\n C = 3 \nD'), ['A=1', 'C = 3 ', 'D']);
  });

  it('may be empty', () => {
    assert.deepEqual(resolveEnv(['A', 'B='], { A: '' }), ['A=', 'B=']);
  });
});

describe('the name of a container without a name', () => {
  it('is one that engines take, and another on each machine', () => {
    const name = defaultName('web\\x2d@a:b.service', '113f16a7b9c2d4e6f8');
    assert.match(name, /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
    assert.notEqual(name, defaultName('web\\x2d@a:b.service', '213f16a7b9c2d4e6f8'));
  });

  it('has each variable once: the last one that was given', async () => {
    const { Env } = await finishBody(runOf('-e', 'A=1', '-e', 'B=1', '-e', 'A=2', 'image'), {}, marks);
    assert.deepEqual([...(Env ?? [])].sort(), ['A=2', 'B=1']);
  });
});
