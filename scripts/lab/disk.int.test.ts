import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isSystemError, readIfThere } from '../../shared/embedded/files.ts';
import { Disk } from './disk.ts';

const skip = process.getuid?.() === 0 ? false : 'only root may mount a file system';

async function startDisk(t: TestContext): Promise<Disk> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-disk-'));
  const disk = await Disk.create(join(dir, 'disk'), 16);
  t.after(async () => {
    await disk.unmount();
    await rm(dir, { recursive: true });
  });
  return disk;
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  await file.write(text);
  await file.sync();
  await file.close();
}

test('power loss keeps what was synced, and loses what was not', { skip }, async (t) => {
  const disk = await startDisk(t);
  const [synced, cached] = [join(disk.dir, 'synced'), join(disk.dir, 'cached')];
  await writeSynced(synced, 'durable');
  await writeFile(synced, ' and more', { flag: 'a' });
  await writeFile(cached, 'soon');
  await disk.losePower();
  await assert.rejects(writeFile(join(disk.dir, 'late'), 'x'), (error) => isSystemError(error, 'EIO'));
  await disk.unmount();
  await disk.mount();
  assert.equal(await readFile(synced, 'utf8'), 'durable');
  assert.equal((await readIfThere(cached)) ?? '', '');
});

test('a full disk takes nothing, and takes writes again when it is emptied', { skip }, async (t) => {
  const disk = await startDisk(t);
  await disk.fill();
  await assert.rejects(writeFile(join(disk.dir, 'a'), Buffer.alloc(1 << 20)), (error) =>
    isSystemError(error, 'ENOSPC'),
  );
  await disk.empty();
  await writeFile(join(disk.dir, 'a'), 'x');
});
