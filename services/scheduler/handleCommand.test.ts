import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { machineFacts } from '../../test/support/samples.ts';
import { type Decision, handleCommand } from './handleCommand.ts';

const text = '[Service]\nExecStart=/bin/sleep 100\n';

function handle(body: CommandBody, known: ClusterEvent[] = []) {
  return handleCommand(fold(known), { ...body, id: 'c1', by: 'me@here' });
}

function accepted(body: CommandBody, known: ClusterEvent[] = []): Decision {
  const decision = handle(body, known);
  assert.ok(!isRejection(decision), JSON.stringify(decision));
  return decision;
}

function refusal(body: CommandBody, known: ClusterEvent[] = []) {
  const decision = handle(body, known);
  assert.ok(isRejection(decision), 'it was accepted');
  return decision;
}

const submit = (name: string, body = text) => accepted({ type: 'SubmitUnits', units: [{ name, text: body }] }).events;

describe('unit files', () => {
  test('are read: the event has text, hash, placement and resources', () => {
    const body = `${text}MemoryMax=64M\n[X-Fleet]\nMachineMetadata=zone=x\nConflicts=b*\n`;
    const [event] = submit('a.service', body);
    assert.ok(event?.type === 'UnitSubmitted');
    assert.equal(event.text, body);
    assert.match(event.hash, /^[0-9a-f]{40}$/);
    assert.deepEqual(event.placement.metadata, [{ key: 'zone', values: ['x'] }]);
    assert.deepEqual([event.placement.conflicts, event.resources], [['b*'], { memoryBytes: 64 * 1024 ** 2 }]);
  });

  test('that are wrong refuse the command, with every problem of every unit', () => {
    const { code, message, details } = refusal({
      type: 'StartUnits',
      units: [
        { name: 'a.service', text: '[Service]\nExecStart=\n[X-Fleet]\nMachineXY=1\nGlobal=maybe\n' },
        { name: 'b.nonsense', text },
        { name: 'c.service', text },
      ],
    });
    assert.deepEqual([code, message], ['invalid-unit', 'units refused, nothing was changed']);
    const named = (start: string) => details.filter((detail) => detail.startsWith(start)).length;
    assert.ok(named('a.service:4: error: ') === 1 && named('a.service:5: error: ') === 1, details.join('\n'));
    assert.deepEqual([named('b.nonsense: error: '), named('c.service')], [1, 0]);
  });

  test('that are odd are accepted with warnings', () => {
    const { events, warnings } = accepted({
      type: 'SubmitUnits',
      units: [{ name: 'a.service', text: '[Service]\nExecStart=docker run -d image\n' }],
    });
    assert.equal(events.length, 1);
    assert.match(warnings.join(), /^a\.service:2: warning: .*leave out -d/);
  });

  test('do not matter to verbs that bring none', () => {
    const known = submit('a.service');
    const units = [{ name: 'a.service', text: 'nonsense' }];
    assert.deepEqual(accepted({ type: 'DestroyUnits', units }, known).events, [
      { type: 'UnitDestroyed', unit: 'a.service' },
    ]);
  });
});

describe('templates', () => {
  const template = submit('web@.service', '[Service]\nExecStart=/bin/echo %i\n');

  test('lend their text to instances that are not known', () => {
    const { events } = accepted({ type: 'StartUnits', units: [{ name: 'web@1.service' }] }, template);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['UnitSubmitted', 'UnitLaunchRequested'],
    );
    assert.ok(events[0]?.type === 'UnitSubmitted' && events[0].unit === 'web@1.service');
    assert.equal(events[0].text, '[Service]\nExecStart=/bin/echo %i\n');
  });

  test('do not change instances that are known', () => {
    const known = [...template, ...submit('web@1.service', text)];
    const { events } = accepted({ type: 'StartUnits', units: [{ name: 'web@1.service' }] }, known);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['UnitLaunchRequested'],
    );
  });

  for (const type of ['LoadUnits', 'StartUnits', 'RestartUnits'] as const) {
    test(`do not run themselves (${type})`, () => {
      const { code, details } = refusal({ type, units: [{ name: 'web@.service' }] }, template);
      assert.equal(code, 'invalid-unit');
      assert.match(details.join(), /is a template.*such as web@1\.service/);
    });
  }

  test('that are not known make no instances', () => {
    assert.equal(refusal({ type: 'StartUnits', units: [{ name: 'web@1.service' }] }).code, 'unit-not-found');
  });
});

test('machines join and leave by the same way', () => {
  const facts = machineFacts('m1');
  const { events } = accepted({ type: 'JoinMachine', ...facts });
  assert.deepEqual(events, [{ type: 'MachineJoined', ...facts }]);
  const leave = { type: 'LeaveMachine', machine: 'm1', session: 'm1-1', reason: 'bye' } as const;
  assert.deepEqual(accepted(leave, events).events, [{ type: 'MachineLeft', machine: 'm1', reason: 'bye' }]);
});
