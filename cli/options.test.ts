import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './errors.ts';
import { Options, spelled } from './options.ts';

test('of an option that is given several times the last one counts', () => {
  const options = new Options({ dir: ['a', 'b'] });
  assert.equal(options.text('dir'), 'b');
  assert.equal(options.text('server'), undefined);
});

test('an option without a value, or of a strange form, is a usage error that names it', () => {
  for (const value of [true, '', { x: 'y' }]) {
    assert.throws(() => new Options({ dockerSocket: value }).text('dockerSocket'), {
      name: 'UsageError',
      message: '--docker-socket needs a value',
    });
  }
});

test('a count is a whole number within its bounds', () => {
  const count = (nodes: string) => new Options({ nodes }).count('nodes', { min: 1, max: 9 });
  assert.equal(count('9'), 9);
  for (const wrong of ['0', '10', '-1', '1.5', '1e0', ' 1', 'three']) assert.throws(() => count(wrong), UsageError);
});

test('a choice is one of those that there are', () => {
  const choose = (runtime: string) => new Options({ runtime }).choice('runtime', ['auto', 'process']);
  assert.equal(choose('process'), 'process');
  assert.throws(() => choose('podman'), /--runtime is one of auto, process, not "podman"/);
});

test('options are named as they are typed', () => {
  assert.deepEqual(['n', 'lines', 'machineId'].map(spelled), ['-n', '--lines', '--machine-id']);
});
