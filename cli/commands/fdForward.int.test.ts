import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const program = ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, '../main.ts')];

async function socketPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-forward-'));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, 'fleet.sock');
}

async function forward(path: string, input: string | Uint8Array): Promise<{ code: number; out: Buffer; err: string }> {
  const child = spawn(process.execPath, [...program, 'fd-forward', path], { stdio: 'pipe' });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, out: Buffer.concat(out), err: Buffer.concat(err).toString() };
}

test('fd-forward carries bytes both ways, and what is answered after the last one was asked', async (t) => {
  const path = await socketPath(t);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const heard: Buffer[] = [];
    socket.on('data', (chunk) => heard.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(heard.reverse())));
  });
  await once(server.listen(path), 'listening');
  t.after(() => server.close());
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const { code, out, err } = await forward(path, bytes);
  assert.deepEqual([code, err], [0, '']);
  assert.deepEqual(new Uint8Array(out), bytes);
});

test('fd-forward says of a socket that is not there which, and fails', async (t) => {
  const path = await socketPath(t);
  const { code, err } = await forward(path, 'GET / HTTP/1.0\r\n\r\n');
  assert.equal(code, 1);
  assert.match(err, new RegExp(`the socket ${path} cannot be used: .*ENOENT`));
  assert.doesNotMatch(err, /\n +at /);
});
