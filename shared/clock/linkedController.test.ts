import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { LinkedController } from './linkedController.ts';

const listeners = (controller: AbortController) => getEventListeners(controller.signal, 'abort').length;

describe('LinkedController', () => {
  it('is aborted with the first of its parents, for the same reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const linked = new LinkedController(one.signal, other.signal);
    assert.equal(linked.signal.aborted, false);
    other.abort('enough');
    one.abort('too late');
    assert.deepEqual([linked.signal.aborted, linked.signal.reason], [true, 'enough']);
  });

  it('is aborted from the beginning where a parent is', () => {
    assert.equal(new LinkedController(new AbortController().signal, AbortSignal.abort('over')).signal.reason, 'over');
  });

  it('aborts no parent', () => {
    const parent = new AbortController();
    new LinkedController(parent.signal).abort();
    assert.equal(parent.signal.aborted, false);
  });

  it('leaves nothing with its parents once it is over, however it ended', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    new LinkedController(one.signal, other.signal).abort();
    new LinkedController(one.signal, AbortSignal.abort());
    assert.deepEqual([one, other].map(listeners), [0, 0]);
    new LinkedController(one.signal, other.signal);
    assert.deepEqual([one, other].map(listeners), [1, 1]);
    one.abort();
    assert.deepEqual([one, other].map(listeners), [0, 0]);
  });
});
