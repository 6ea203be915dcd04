import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ends, exited, type SimulatedUnit, simulateUnit } from './testing/unitSimulation.ts';

const text = '[Service]\nExecStart=/main\nExecReload=/reload $MAINPID\n';

function reload({ unit }: SimulatedUnit): void {
  const goal = unit.assigned.goal + 1;
  unit.setGoal({ ...unit.assigned, goal, reload: goal });
}

describe('a reload', { timeout: 20_000 }, () => {
  it('runs ExecReload=, told of the main process, which runs on', async () => {
    const unit = simulateUnit(text);
    await unit.clock.advance(0);
    const { pid } = unit.last() ?? {};
    reload(unit);
    await unit.clock.advance(0);
    assert.deepEqual(unit.ran, ['/main', `/reload ${pid}`]);
    assert.deepEqual(unit.told().slice(-2), ['reloading reload success 2', 'active running success 2']);
    assert.equal(unit.last()?.pid, pid);
  });

  it('that fails is told, and harms nothing; the next one may succeed', async () => {
    const unit = simulateUnit(text, { commands: { '/reload': ends(exited(3)), '/main': {} } });
    await unit.clock.advance(0);
    reload(unit);
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'active running success 2');
    assert.match(unit.last()?.reloadFailure ?? '', /\/reload .*exited with status 3/);
    unit.behave({ '/main': {} });
    reload(unit);
    await unit.clock.advance(0);
    assert.equal(unit.last()?.reloadFailure, undefined);
  });

  it('has TimeoutStartSec=', async () => {
    const unit = simulateUnit(`${text}TimeoutStartSec=5\n`, { commands: { '/reload': {}, '/main': {} } });
    await unit.clock.advance(0);
    reload(unit);
    await unit.clock.advance(4_999);
    assert.equal(unit.told().at(-1), 'reloading reload success 2');
    await unit.clock.advance(1);
    assert.equal(unit.told().at(-1), 'active running success 2');
    assert.match(unit.last()?.reloadFailure ?? '', /not done within/);
  });

  it('starts nothing that has ended, nor does the agent’s next start', async () => {
    const unit = simulateUnit(text, { commands: { '/main': ends(exited(0), 5) } });
    await unit.clock.advance(10);
    reload(unit);
    await unit.clock.advance(10);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main'], 'inactive dead success 2']);
    const rest = unit.unit.report();
    unit.unit.abandon();
    const { assigned } = unit.unit;
    const next = simulateUnit(text, {
      earlier: unit,
      assigned: { ...assigned, goal: 3, reload: 3 },
      input: { rest, mayRun: true },
    });
    await next.clock.advance(10);
    assert.deepEqual(next.ran, ['/main']);
  });

  it('waits until the unit is up', async () => {
    const unit = simulateUnit(`${text}ExecStartPre=/pre\n`, { commands: { '/pre': ends(exited(0), 50), '/main': {} } });
    await unit.clock.advance(10);
    reload(unit);
    await unit.clock.advance(100);
    assert.deepEqual(unit.ran.length, 3);
    assert.equal(unit.told().at(-1), 'active running success 2');
  });

  it('gives way to a stop, and to the end of the main process', async () => {
    for (const how of ['stop', 'end'] as const) {
      const unit = simulateUnit(text, { commands: { '/reload': {}, '/main': {} } });
      await unit.clock.advance(0);
      reload(unit);
      await unit.clock.advance(1);
      if (how === 'stop') unit.wish('loaded');
      else unit.host.end('a.service', exited(0));
      await unit.clock.advance(1);
      assert.match(unit.told().at(-1) ?? '', /^inactive dead success/);
    }
  });
});
