import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { suggest } from './suggest.ts';

const names = ['Restart', 'RestartSec', 'ExecStart', 'ExecStop', 'User'];

describe('suggestions', () => {
  it('slips of the pen are recognised: swapped, missing, doubled, other case', () => {
    assert.equal(suggest('Restrat', names), 'Restart');
    assert.equal(suggest('ExecStrt', names), 'ExecStart');
    assert.equal(suggest('RestartSecs', names), 'RestartSec');
    assert.equal(suggest('execstop', names), 'ExecStop');
  });

  it('the closest wins, and nothing is suggested where nothing is close', () => {
    assert.equal(suggest('Restart', names), 'Restart');
    assert.equal(suggest('Uses', names), 'User');
    assert.equal(suggest('Colour', names), null);
    assert.equal(suggest('', names), null);
    assert.equal(suggest('x'.repeat(100_000), names), null);
  });
});
