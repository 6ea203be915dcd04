/** What unmet conditions do to a unit's start: systemd.unit(5), "Conditions and Asserts". */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConditionFacts } from '../../../shared/domain/testConditions.ts';
import { ends, exited, simulateUnit } from '../testing/unitSimulation.ts';
import { createMachineFacts } from './machineFacts.ts';

/** A machine on which nothing exists but these paths. */
function machineWith(paths: Set<string>): ConditionFacts {
  const stat = async (path: string) =>
    paths.has(path) ? ({ kind: 'file', sizeBytes: 1, mode: 0o644 } as const) : null;
  return { ...createMachineFacts(''), stat };
}

const service = (unit: string, more = '') =>
  `[Unit]\n${unit}\n[Service]\nExecStart=/main\nExecStartPre=/pre\nExecStopPost=/post\n${more}`;

describe('a start', () => {
  it('is left out where a condition is not met, which is no failure: nothing is run, not even ExecStopPost=', async () => {
    const input = { machine: machineWith(new Set()) };
    const unit = simulateUnit(service('ConditionPathExists=/on', 'Restart=always\n'), { input });
    await unit.clock.advance(60_000);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [[], 'inactive dead condition 1']);
    assert.equal(unit.last()?.reason, 'ConditionPathExists=/on was not met');
  });

  it('is what fails where an assert is not met; the unit is as inactive as before', async () => {
    const input = { machine: machineWith(new Set()) };
    const unit = simulateUnit(service('ConditionPathExists=!/on\nAssertPathExists=/on', 'Restart=always\n'), { input });
    await unit.clock.advance(60_000);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [[], 'inactive dead assert 1']);
    assert.equal(unit.last()?.reason, 'AssertPathExists=/on was not met');
  });

  it('looks anew each time, also before a restart', async () => {
    const paths = new Set<string>();
    const unit = simulateUnit(service('ConditionPathExists=/on', 'Restart=always\n'), {
      input: { machine: machineWith(paths) },
      commands: { '/main': ends(exited(1), 1_000) },
    });
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'inactive dead condition 1');
    paths.add('/on');
    unit.wish('launched');
    await unit.clock.advance(500);
    assert.equal(unit.told().at(-1), 'active running success 2');
    paths.delete('/on');
    await unit.clock.advance(10_000);
    assert.deepEqual(unit.ran, ['/pre', '/main', '/post']);
    assert.equal(unit.told().at(-1), 'inactive dead condition 2');
  });

  it('that is left out does not count towards the start limit', async () => {
    const input = { machine: machineWith(new Set()) };
    const unit = simulateUnit(service('ConditionPathExists=/on\nStartLimitBurst=2'), { input });
    for (let time = 0; time < 5; time++) {
      unit.wish('launched');
      await unit.clock.advance(10);
    }
    assert.match(unit.told().at(-1) ?? '', /^inactive dead condition/);
  });
});
