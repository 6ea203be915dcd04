import { describe, test } from 'node:test';
import { given } from '../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../test/support/samples.ts';
import type { Dependencies } from './dependencies.ts';
import type { ClusterEvent, Event } from './events.ts';
import type { UnitCommand } from './unit.ts';

const name = 'a.service';
const launch: ClusterEvent = { type: 'UnitLaunchRequested', unit: name };
const on = (type: UnitCommand['type'], unit = name): UnitCommand => ({ type, units: [{ name: unit }] });
const unit = (text: string, of = name, dependencies: Dependencies = {}): Event =>
  submitted({ ...submission(of), text, dependencies });

describe('RefuseManualStart=', () => {
  const refuses = '[Unit]\nRefuseManualStart=yes\n[Service]\nExecStart=/a\n';
  for (const type of ['StartUnits', 'RestartUnits'] as const) {
    test(`refuses ${type}, and says what to start instead`, () => {
      given(joined('m1'), unit(refuses))
        .when(on(type))
        .isRefused(
          'manual-refused',
          /^a\.service is started by other units only \(RefuseManualStart=\): start what requires/,
        );
    });
  }
  test('of a file that comes with the start counts, too', () => {
    given(joined('m1'))
      .when({ type: 'StartUnits', units: [{ name, submission: { ...submission(name), text: refuses } }] })
      .isRefused('manual-refused', /RefuseManualStart/);
  });
  test('lets others start it', () => {
    given(joined('m1'), unit(refuses), unit('', 'b.service', { Wants: [name] }))
      .when(on('StartUnits', 'b.service'))
      .leadsTo({ ...launch, reason: 'wanted by b.service' }, { type: 'UnitLaunchRequested', unit: 'b.service' });
  });
  test('that is no in the end refuses nothing', () => {
    given(joined('m1'), unit('[Unit]\nRefuseManualStart=yes\nRefuseManualStart=no\n[Service]\nExecStart=/a\n'))
      .when(on('StartUnits'))
      .leadsTo(launch);
  });
});

describe('RefuseManualStop=', () => {
  const refuses = '[Unit]\nRefuseManualStop=yes\n[Service]\nExecStart=/a\n';
  const running = [joined('m1'), unit(refuses), launch, placed(name, 'm1')];
  for (const type of ['StopUnits', 'UnloadUnits', 'RestartUnits'] as const) {
    test(`refuses ${type}`, () => {
      given(...running)
        .when(on(type))
        .isRefused('manual-refused', /^a\.service is stopped with other units only \(RefuseManualStop=\)/);
    });
  }
  test('lets it be destroyed', () => {
    given(...running)
      .when(on('DestroyUnits'))
      .leadsTo({ type: 'UnitDestroyed', unit: name });
  });
});
