import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { generateSchedule } from './generate.ts';
import { runSchedule } from './run.ts';

describe('what a simulated day leaves behind', () => {
  it('is garbage: nothing of its actors, which were killed wherever they were, keeps it alive', async () => {
    setFlagsFromString('--expose-gc');
    const gc: () => void = runInNewContext('gc');
    const worlds: WeakRef<object>[] = [];
    const play = async (seed: number) => worlds.push(new WeakRef((await runSchedule(generateSchedule(seed))).world));
    for (const seed of [1, 2, 3, 4]) await play(seed);
    await setImmediate();
    gc();
    const alive = worlds.filter((world) => world.deref() !== undefined);
    assert.equal(alive.length, 0);
  });
});
