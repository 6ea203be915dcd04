import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FakeBehaviour } from './runtime/fakeProcess.ts';
import { ends, exited, simulateUnit } from './testing/unitSimulation.ts';

const simple = '[Service]\nExecStart=/main\n';

describe('a unit with a health check', () => {
  it('reports each change of what the check says, and no health once it is told to stop and has ended', async () => {
    const health = [
      { afterMs: 10_000, says: 'healthy' as const },
      { afterMs: 20_000, says: 'healthy' as const },
      { afterMs: 30_000, says: 'unhealthy' as const },
    ];
    const { clock, reports, wish } = simulateUnit(simple, { commands: { '/main': { health } } });
    await clock.advance(60_000);
    const said = () => reports.splice(0).map(({ sub, health: says, reason }) => `${sub} ${says}: ${reason}`);
    assert.deepEqual(said().slice(-3), [
      'running starting: started',
      'running healthy: its health check says healthy',
      'running unhealthy: its health check says unhealthy',
    ]);
    wish('loaded');
    await clock.advance(0);
    assert.equal(said().at(-1), 'dead undefined: main process killed by SIGTERM');
  });

  it('is killed and started again where it wants that, and keeps running where it does not', async () => {
    const health = [{ afterMs: 5_000, says: 'unhealthy' as const }];
    for (const kills of [true, false]) {
      const wish = kills ? '[X-Flotilla]\nOnUnhealthy=kill\n' : '';
      const text = `${simple}Restart=on-failure\nRestartSec=1s\n${wish}`;
      const { clock, reports, ran } = simulateUnit(text, { commands: { '/main': { health } } });
      await clock.advance(7_000);
      assert.deepEqual([ran.length, reports.some(({ result }) => result === 'signal')], [kills ? 2 : 1, kills]);
      assert.ok(reports.some(({ reason }) => reason === 'its health check says unhealthy'));
    }
  });

  it('is looked at anew after a restart', async () => {
    const health = [{ afterMs: 5_000, says: 'healthy' as const }];
    const { clock, last, restart } = simulateUnit(simple, { commands: { '/main': { health } } });
    await clock.advance(6_000);
    assert.equal(last()?.health, 'healthy');
    restart();
    await clock.advance(1_000);
    assert.equal(last()?.health, 'starting');
    await clock.advance(5_000);
    assert.equal(last()?.health, 'healthy');
  });
});

const healthy = '[Service]\nTimeoutStartSec=20\n[Container]\nImage=a\nNotify=healthy\n';

describe('a unit with Notify=healthy', () => {
  const starting = (...health: FakeBehaviour['health'] & object) =>
    simulateUnit(healthy, { commands: { '/usr/bin/docker': { health } } });

  it('is active when its check says so, and stays so whatever it says then', async () => {
    const unit = starting({ afterMs: 5_000, says: 'unhealthy' }, { afterMs: 9_000, says: 'healthy' });
    await unit.clock.advance(8_999);
    assert.equal(unit.last()?.active, 'activating');
    await unit.clock.advance(1);
    assert.deepEqual([unit.last()?.active, unit.last()?.health], ['active', 'healthy']);
    await unit.clock.advance(60_000);
    assert.equal(unit.last()?.active, 'active');
  });

  it('has failed when its check does not say so in time', async () => {
    const unit = starting({ afterMs: 5_000, says: 'unhealthy' });
    await unit.clock.advance(20_000);
    assert.equal(unit.told().at(-1), 'failed failed timeout 1');
  });

  it('has failed when it ends before, or has no check', async () => {
    const short = simulateUnit(healthy, { commands: { '/usr/bin/docker': { health: [], ...ends(exited(0), 5) } } });
    await short.clock.advance(5);
    assert.deepEqual([short.last()?.result, short.last()?.active], ['protocol', 'failed']);
    const unchecked = simulateUnit(healthy, { commands: { '/usr/bin/docker': {} } });
    await unchecked.clock.advance(0);
    assert.equal(unchecked.last()?.result, 'protocol');
    assert.ok(unchecked.reports.some(({ reason }) => /it has no health check/.test(reason)));
  });

  it('is taken up as it was: waiting, or active though it is unhealthy by now', async () => {
    for (const [says, active] of [
      ['starting', 'activating'],
      ['healthy', 'active'],
      ['unhealthy', 'active'],
    ] as const) {
      const earlier = starting({ afterMs: 5_000, says });
      await earlier.clock.advance(5_000);
      earlier.unit.abandon();
      const next = simulateUnit(healthy, { earlier, input: { mayRun: true } });
      await next.clock.advance(0);
      assert.equal(next.last()?.active, active, says);
    }
  });
});
