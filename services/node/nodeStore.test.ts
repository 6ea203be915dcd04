import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { createNodeStore, type NodeDisk, type NodeMemory, nodeDisk } from './nodeStore.ts';

const nothing: NodeMemory = { bootId: '', assignment: null, rest: [] };
const memory = (version: number): NodeMemory => {
  return { bootId: 'b1', assignment: { machine: 'm1', cluster: 'c1', session: 's1', version, units: [] }, rest: [] };
};

describe('the memory of a node', { timeout: 10_000 }, () => {
  let directory = '';
  let errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const open = () => createNodeStore({ disk: nodeDisk(directory), clock: systemClock, onError });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-store-'));
    errors = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is empty at first', async () => {
    assert.deepEqual([await open().load(), errors], [nothing, []]);
  });

  it('is what was saved last, for its owner alone to read', async () => {
    const store = open();
    store.save(() => memory(1));
    await store.flush();
    store.save(() => memory(2));
    await store.flush();
    assert.deepEqual(await open().load(), memory(2));
    assert.equal((await stat(join(directory, 'node.json'))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(directory), ['node.json']);
  });

  it('is written seldom when it is saved often, as it is when it is written', async () => {
    const store = open();
    const written: number[] = [];
    const save = (version: number) =>
      store.save(() => {
        written.push(version);
        return memory(version);
      });
    for (let version = 1; version <= 100; version++) save(version);
    await store.flush();
    assert.deepEqual(written, [1, 100]);
    assert.deepEqual(await open().load(), memory(100));
  });

  it('misses nothing that is saved while, or right when, a writing ends', async () => {
    const store = open();
    for (let version = 1; version <= 50; version++) {
      store.save(() => memory(version));
      if (version % 3 === 0) await store.flush();
      else for (let turn = 0; turn < version; turn++) await Promise.resolve();
    }
    await store.flush();
    assert.deepEqual(await open().load(), memory(50));
  });

  it('is whole whenever it is read', async () => {
    const store = open();
    store.save(() => memory(0));
    await store.flush();
    for (let version = 1; version <= 20; version++) {
      store.save(() => memory(version));
      const { assignment } = JSON.parse(await readFile(join(directory, 'node.json'), 'utf8'));
      assert.ok([version - 1, version].includes(assignment.version));
      await store.flush();
    }
  });

  for (const damaged of ['', '{"bootId":"b1","assi', 'null', '[]', '{"bootId":"b1","assignment":null}', '\0\0\0']) {
    it(`counts as none, and that is told, where the file holds ${JSON.stringify(damaged)}`, async () => {
      await writeFile(join(directory, 'node.json'), damaged);
      const store = open();
      assert.deepEqual(await store.load(), nothing);
      assert.equal(errors.length, 1);
      store.save(() => memory(3));
      await store.flush();
      assert.deepEqual(await open().load(), memory(3));
    });
  }

  it('that cannot be written is told once, and tried again until it is: nothing that is asked for is taken for written', async () => {
    const clock = createSimulatedClock(0);
    const written: string[] = [];
    let isFull = true;
    const disk: NodeDisk = {
      read: async () => null,
      write: async (text) => {
        if (isFull) throw new Error('no space left on device');
        written.push(text);
      },
    };
    const store = createNodeStore({ disk, clock, onError: (error) => errors.push(error) });
    store.save(() => memory(1));
    let isFlushed = false;
    void store.flush().then(() => {
      isFlushed = true;
    });
    await clock.advance(5_000);
    store.save(() => memory(2));
    await clock.advance(5_000);
    assert.deepEqual([isFlushed, errors.length], [false, 1]);
    isFull = false;
    await clock.advance(1_000);
    assert.deepEqual([isFlushed, written], [true, [JSON.stringify(memory(2))]]);
  });
});
