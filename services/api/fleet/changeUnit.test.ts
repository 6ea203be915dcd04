import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../../shared/domain/events.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../../test/support/samples.ts';
import { changeUnit } from './changeUnit.ts';

const launched: Event[] = [
  joined('m1'),
  submitted(submission('a.service')),
  { type: 'UnitLaunchRequested', unit: 'a.service' },
  placed('a.service', 'm1'),
];

test('a unit that is launched stays as it is when it is wished to be, also one that has ended', () => {
  const failed = report('a.service', { active: 'failed', sub: 'failed', goal: launched.length });
  for (const history of [launched, [...launched, { type: 'UnitStateReported' as const, machine: 'm1', ...failed }]]) {
    const change = changeUnit(fold(history), 'a.service', { desiredState: 'launched' });
    assert.deepEqual(change, { commands: [], creates: false, stops: false });
  }
});

test('one that is loaded is started', () => {
  const state = fold([...launched, { type: 'UnitLoadRequested', unit: 'a.service' }]);
  const { commands } = changeUnit(state, 'a.service', { desiredState: 'launched' });
  assert.deepEqual(commands, [{ type: 'StartUnits', units: [{ name: 'a.service' }] }]);
});
