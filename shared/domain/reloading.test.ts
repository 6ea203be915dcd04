import { describe, test } from 'node:test';
import { given } from '../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../test/support/samples.ts';
import type { ClusterEvent, Event, UnitReport } from './events.ts';
import type { UnitCommand } from './unit.ts';

const name = 'a.service';
const launch: ClusterEvent = { type: 'UnitLaunchRequested', unit: name };
const reload: UnitCommand = { type: 'ReloadUnits', units: [{ name }] };
const text = '[Service]\nExecStart=/bin/a\nExecReload=/bin/kill -HUP $MAINPID\n';

/** Launched at sequence 3, placed at 4. */
function history(body: string, reported: Partial<UnitReport>): Event[] {
  const state: Event = { type: 'UnitStateReported', machine: 'm1', ...report(name, { goal: 4, ...reported }) };
  return [joined('m1'), submitted({ ...submission(name), text: body }), launch, placed(name, 'm1'), state];
}

describe('a reload', () => {
  for (const active of ['active', 'reloading'] as const) {
    test(`of a unit that is ${active} is its new goal`, () => {
      given(...history(text, { active }))
        .when(reload)
        .leadsTo({ type: 'UnitReloadRequested', unit: name });
    });
  }

  for (const [what, reported] of [
    ['has ended', { active: 'inactive' }],
    ['is still starting', { active: 'activating' }],
    ['has not heard yet of what was wished before', { active: 'active', goal: 3 }],
  ] as const) {
    test(`of a unit that ${what} is refused, and does not start it`, () => {
      given(...history(text, reported))
        .when(reload)
        .isRefused('cannot-reload', /^a\.service is not active: only what runs/);
    });
  }

  test('of a unit that does not say how is refused', () => {
    given(...history('[Service]\nExecStart=/bin/a\n', { active: 'active' }))
      .when(reload)
      .isRefused('cannot-reload', /has no ExecReload=.*restart it/);
  });
});
