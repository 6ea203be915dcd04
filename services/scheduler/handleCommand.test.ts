import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { machineFacts, submission, submitted } from '../../test/support/samples.ts';
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

  const confined = `${text}PrivateTmp=yes\nProtectHome=no\n`;

  test('that ask for what is unsafe to leave out are refused by its name, unless it is allowed: then the log says so', () => {
    const units = [{ name: 'a.service', text: confined }];
    assert.match(refusal({ type: 'SubmitUnits', units }).details.join(), /error: PrivateTmp=yes is not supported/);
    const { events, warnings } = accepted({ type: 'SubmitUnits', units, allowUnsupported: true });
    assert.match(warnings.join(), /^a\.service:\d: warning: PrivateTmp=yes has no effect here/);
    assert.deepEqual(events[0]?.type === 'UnitSubmitted' && events[0].unsupported, ['PrivateTmp']);
  });

  test('of templates that were let pass are let pass for their instances', () => {
    const template = [{ name: 'a@.service', text: confined }];
    const { events: known } = accepted({ type: 'SubmitUnits', units: template, allowUnsupported: true });
    const { events } = accepted({ type: 'StartUnits', units: [{ name: 'a@1.service' }] }, known);
    assert.deepEqual(events[0]?.type === 'UnitSubmitted' && events[0].unsupported, ['PrivateTmp']);
  });

  const dependent = (name: string, ...lines: string[]) => ({
    name,
    text: `${['[Unit]', ...lines, ''].join('\n')}${text}`,
  });

  test('keep what they say of units of the cluster; those of the machine are taken as running', () => {
    const units = [
      dependent('a.service', 'Requires=docker.service b.service', 'After=network-online.target b.service'),
    ];
    const { events, warnings } = accepted({ type: 'StartUnits', units: [...units, { name: 'b.service', text }] });
    assert.deepEqual(warnings, []);
    const stated = events.map((event) => event.type === 'UnitSubmitted' && event.dependencies);
    assert.deepEqual(stated.filter(Boolean), [{ Requires: ['b.service'], After: ['b.service'] }]);
  });

  test('that require what nobody knows are submitted with a warning, but not started, unless that is allowed', () => {
    const units = [dependent('a.service', 'BindsTo=b.service', 'Wants=c.service')];
    const { events, warnings } = accepted({ type: 'SubmitUnits', units });
    assert.match(warnings.join(), /^a\.service: warning: BindsTo=b\.service is not known to the cluster: submit it/);
    const problem = /error: BindsTo=b\.service is not known to the cluster/;
    assert.match(refusal({ type: 'StartUnits', units }).details.join(), problem);
    assert.match(refusal({ type: 'StartUnits', units: [{ name: 'a.service' }] }, events).details.join(), problem);
    const both = [{ name: 'a.service' }, { name: 'b.service', text }];
    assert.deepEqual(accepted({ type: 'StartUnits', units: both }, events).warnings, []);
    const allowed = accepted({ type: 'SubmitUnits', units, allowUnsupported: true }).events;
    assert.equal(accepted({ type: 'StartUnits', units: [{ name: 'a.service' }] }, allowed).events.length, 1);
  });

  test('that want an instance make it, and start it for that reason', () => {
    const known = submit('web@.service', '[Unit]\nRequires=log@%i.service\n[Service]\nExecStart=/bin/echo %i\n');
    const more = submit('log@.service', '[Service]\nExecStart=/bin/echo %i\n');
    const units = [dependent('a.service', 'Wants=web@1.service')];
    const { events } = accepted({ type: 'StartUnits', units }, [...known, ...more]);
    assert.deepEqual(
      events.filter(({ type }) => type === 'UnitLaunchRequested'),
      [
        { type: 'UnitLaunchRequested', unit: 'a.service' },
        { type: 'UnitLaunchRequested', unit: 'web@1.service', reason: 'wanted by a.service' },
        { type: 'UnitLaunchRequested', unit: 'log@1.service', reason: 'wanted by web@1.service' },
      ],
    );
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

  test('that ask for ever more of themselves are refused', () => {
    const growing = `[Unit]\nRequires=b@%i1.service b@%i2.service\n${text}`;
    const known = submit('b@.service', growing);
    const { details } = refusal({ type: 'StartUnits', units: [{ name: 'b@1.service' }] }, known);
    assert.match(details.join(), /more than 1000 instances/);
  });

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

describe('scaling a template', () => {
  const text = '[Service]\nExecStart=/bin/sleep 100\n';
  const known = (...names: string[]) => fold(names.map((name) => submitted({ ...submission(name), text })));
  const scale = (state: ReturnType<typeof fold>, count: number, template = 'web@.service') =>
    handleCommand(state, { id: 'c', by: 'me', type: 'ScaleUnits', template, count });
  const shortly = (decided: ReturnType<typeof scale>) => {
    assert.ok('events' in decided, JSON.stringify(decided));
    return decided.events.map((event) => `${event.type} ${'unit' in event ? event.unit : ''}`);
  };

  test('starts the instances that are missing and destroys those with higher numbers, but none with names', () => {
    const state = known('web@.service', 'web@2.service', 'web@4.service', 'web@10.service', 'web@blue.service');
    assert.deepEqual(shortly(scale(state, 2)), [
      ...['UnitSubmitted web@1.service', 'UnitLaunchRequested web@1.service', 'UnitLaunchRequested web@2.service'],
      ...['UnitDestroyed web@10.service', 'UnitDestroyed web@4.service'],
    ]);
    assert.deepEqual(shortly(scale(state, 0)).length, 3);
  });

  test('is refused where there is no such template', () => {
    for (const [template, code] of [
      ['web.service', 'invalid-unit'],
      ['api@.service', 'unit-not-found'],
    ] as const) {
      const decided = scale(known('web@.service'), 1, template);
      assert.equal('code' in decided && decided.code, code);
    }
  });
});
