import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { identify, isAlive, killIdentified, type ProcessIdentity } from './processIdentity.ts';
import { type ProcessLock, tryLock } from './processLock.ts';

async function lockPath(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-lock-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'lock');
}

async function startSleeper(t: TestContext): Promise<ProcessIdentity> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const identity = await identify(child.pid ?? 0);
  assert.ok(identity);
  return identity;
}

test('a held lock answers with its holder, and is free after its release', async (t) => {
  const path = await lockPath(t);
  const first = await tryLock(path);
  assert.ok('release' in first);
  assert.deepEqual(await tryLock(path), { heldBy: await identify(process.pid) });
  await first.release();
  assert.ok('release' in (await tryLock(path)));
});

test('of many that see the same dead holder, exactly one succeeds it', async (t) => {
  const path = await lockPath(t);
  for (let round = 0; round < 20; round++) {
    await writeFile(path, JSON.stringify({ pid: process.pid, startTime: 'of an earlier process with this pid' }));
    const answers = await Promise.all(Array.from({ length: 10 }, () => tryLock(path)));
    const locks = answers.filter((answer): answer is ProcessLock => 'release' in answer);
    assert.equal(locks.length, 1);
    await locks[0]?.release();
    assert.deepEqual(await readdir(join(path, '..')), []);
  }
});

test('a living holder is never succeeded', async (t) => {
  const path = await lockPath(t);
  const holder = await startSleeper(t);
  await writeFile(path, JSON.stringify(holder));
  assert.deepEqual(await tryLock(path), { heldBy: holder });
});

test('a process is told from a later one with its pid, and only exactly it is killed', async (t) => {
  const sleeper = await startSleeper(t);
  const namesake = { ...sleeper, startTime: 'another' };
  assert.equal(await isAlive(namesake), false);
  assert.equal(await killIdentified(namesake), false);
  assert.equal(await isAlive(sleeper), true);
  assert.equal(await killIdentified(sleeper), true);
});

test('a zombie is not alive', async (t) => {
  // This shell becomes a program that never asks how its child ended.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill('SIGKILL'));
  const [chunk] = await once(parent.stdout, 'data');
  const pid = Number(String(chunk));
  const deadline = AbortSignal.timeout(5_000);
  while ((await identify(pid)) !== null) assert.ok(!deadline.aborted, 'it stays alive');
});

test('a process is alive as long as one of its threads is', async (t) => {
  // Its first thread ends by itself, without the others: exit(2) as the kernel has it, which no library calls.
  const exit = { x64: 60, arm64: 93 }[process.arch as string];
  const program = `use threads; threads->create(sub { sleep 60 }); $| = 1; print "up"; syscall(${exit}, 0)`;
  const child = spawn('perl', ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const { pid = 0 } = child;
  const state = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.[0];
  const deadline = AbortSignal.timeout(5_000);
  while ((await state()) !== 'Z') assert.ok(!deadline.aborted, 'its first thread goes on');
  assert.notEqual(await identify(pid), null);
});
