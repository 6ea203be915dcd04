/** What a unit does of whose processes the kernel has killed one for want of memory: systemd.service(5), `OOMPolicy=`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SimulatedUnit, simulateUnit } from './testing/unitSimulation.ts';

const policies = ['', 'OOMPolicy=stop\n', 'OOMPolicy=kill\n', 'OOMPolicy=continue\n'];
const slowToStop = { '/main': { stopDelayMs: 5_000 } };

/** The states that it went through, each once, until it was at rest. */
function wayOf({ told }: SimulatedUnit): string[] {
  const states = told().map((line) => line.split(' ').slice(0, 3).join(' '));
  return states.filter((state, index) => state !== states[index - 1]);
}

async function ranOut(text: string, afterMs = 1_000): Promise<SimulatedUnit> {
  const unit = simulateUnit(text, { commands: slowToStop });
  await unit.clock.advance(afterMs);
  unit.told();
  unit.host.runOutOfMemory('a.service');
  await unit.clock.advance(60_000);
  return unit;
}

describe('a unit of which the kernel has killed a process for want of memory', () => {
  it('is stopped in order, killed at once, or left alone, as OOMPolicy= says', async () => {
    const ways: Record<string, string[]> = {};
    for (const policy of policies) {
      const unit = await ranOut(`[Service]\nExecStart=/main\nExecStop=/stop\nExecStopPost=/post\n${policy}`);
      ways[policy.trim()] = [...wayOf(unit), ...unit.ran.slice(1)];
    }
    const stopped = [
      'deactivating stop oom-kill',
      'deactivating stop-sigterm oom-kill',
      'deactivating stop-post oom-kill',
      'failed failed oom-kill',
      '/stop',
      '/post',
    ];
    assert.deepEqual(ways, {
      '': stopped,
      'OOMPolicy=stop': stopped,
      'OOMPolicy=kill': [
        'deactivating stop-sigkill oom-kill',
        'deactivating final-sigkill oom-kill',
        'deactivating stop-post oom-kill',
        'failed failed oom-kill',
        '/post',
      ],
      'OOMPolicy=continue': [],
    });
  });

  it('says why, and is started again where Restart= has it', async () => {
    const unit = await ranOut('[Service]\nExecStart=/main\nRestart=on-abnormal\n');
    assert.ok(
      unit.reports.some(({ reason }) => reason === 'its memory ran out, and the kernel killed a process of it'),
    );
    assert.deepEqual([unit.ran.length, unit.last()?.sub, unit.last()?.restarts], [2, 'running', 1]);
  });

  it('is not waited for while it starts', async () => {
    for (const starting of ['Type=oneshot', 'Type=notify', 'ExecStartPost=/post']) {
      for (const [policy, first] of [
        ['stop', 'deactivating stop-sigterm oom-kill'],
        ['kill', 'deactivating stop-sigkill oom-kill'],
      ]) {
        const text = `[Service]\nExecStart=/main\nOOMPolicy=${policy}\n${starting}\n`;
        const unit = simulateUnit(text, { commands: { ...slowToStop, '/post': {} } });
        await unit.clock.advance(1_000);
        assert.match(unit.told().at(-1) ?? '', /^activating start/);
        unit.host.runOutOfMemory('a.service');
        await unit.clock.advance(60_000);
        assert.equal(wayOf(unit)[0], first, `${starting} ${policy}`);
        assert.equal(unit.last()?.result, 'oom-kill');
      }
    }
  });

  it('dies of a signal like any other where its main process is killed and the policy is to go on', async () => {
    const outOfMemory = { kind: 'killed', signal: 'SIGKILL', outOfMemory: true } as const;
    const results: (string | undefined)[] = [];
    for (const policy of policies) {
      const unit = simulateUnit(`[Service]\nExecStart=/main\n${policy}`);
      await unit.clock.advance(10);
      unit.host.end('a.service', outOfMemory);
      await unit.clock.advance(10);
      results.push(unit.last()?.result);
    }
    assert.deepEqual(results, ['oom-kill', 'oom-kill', 'oom-kill', 'signal']);
  });
});
