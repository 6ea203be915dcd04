import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exited, simulateUnit } from './testing/unitSimulation.ts';

const simple = '[Service]\nExecStart=/main\nExecStopPost=/stop-post\nTimeoutStopSec=10\n';

/** A unit whose main process has left something behind that takes no notice of these signals. */
function leaving(text: string, ...ignores: string[]) {
  return simulateUnit(text, { commands: { '/main': { leaves: { ignores }, ends: { afterMs: 5, exit: exited(0) } } } });
}

describe('what the main process leaves behind', { timeout: 20_000 }, () => {
  it('gets KillSignal= and the time to end', async () => {
    const unit = leaving(`${simple}KillSignal=SIGINT\n`, 'SIGTERM');
    await unit.clock.advance(1_000);
    assert.deepEqual(unit.ran, ['/main', '/stop-post']);
    assert.deepEqual(unit.told().slice(-3), [
      'deactivating stop-sigterm success 1',
      'deactivating stop-post success 1',
      'inactive dead success 1',
    ]);
  });

  it('is killed when it does not end within TimeoutStopSec=, and the unit has failed', async () => {
    const unit = leaving(simple, 'SIGTERM');
    await unit.clock.advance(10_004);
    assert.equal(unit.told().at(-1), 'deactivating stop-sigterm success 1');
    await unit.clock.advance(1);
    assert.deepEqual(unit.told(), [
      'deactivating final-sigkill timeout 1',
      'deactivating stop-post timeout 1',
      'failed failed timeout 1',
    ]);
  });

  it('is let alone then with SendSIGKILL=no', async () => {
    const unit = leaving(`${simple}SendSIGKILL=no\n`, 'SIGTERM');
    await unit.clock.advance(10_005);
    assert.deepEqual(unit.told().slice(-2), ['deactivating stop-post timeout 1', 'failed failed timeout 1']);
  });

  for (const [killMode, states] of [
    ['mixed', ['deactivating final-sigkill success 1', 'deactivating stop-post success 1', 'inactive dead success 1']],
    ['process', ['deactivating stop-post success 1', 'inactive dead success 1']],
    ['none', ['deactivating stop-post success 1', 'inactive dead success 1']],
  ] as const) {
    it(`is ${killMode === 'mixed' ? 'killed at once' : 'let alone'} with KillMode=${killMode}`, async () => {
      const unit = leaving(`${simple}KillMode=${killMode}\n`, 'SIGTERM');
      await unit.clock.advance(5);
      assert.deepEqual(unit.told().slice(-states.length), states);
    });
  }
});
