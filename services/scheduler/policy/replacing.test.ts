import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dependencies } from '../../../shared/domain/dependencies.ts';
import type { ClusterEvent, Event } from '../../../shared/domain/events.ts';
import type { Placement } from '../../../shared/domain/unitSpec.ts';
import { fold, given } from '../../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { reconcile } from './reconcile.ts';

const launch = (unit: string): ClusterEvent => ({ type: 'UnitLaunchRequested', unit });
const wished = (name: string, placement: Partial<Placement> = {}): Event[] => [
  submitted(submission(name, placement)),
  launch(name),
];
const running = (name: string, machine: string, placement: Partial<Placement> = {}): Event[] => [
  ...wished(name, placement),
  placed(name, machine),
];

function tasksAfter(...events: Event[]): string[] {
  const moment = { seq: 100, at: 100 };
  return reconcile(fold(events), { includeWaiting: true, maxTasks: 100, moment }).map((task) => {
    if (task.type === 'UnitPlaced') return `${task.unit} → ${task.machine}`;
    if (task.type === 'UnitEvicted') return `${task.unit} ✗ ${task.machine}: ${task.reason}`;
    return task.type === 'UnitLeftWaiting' ? `${task.unit} waits: ${JSON.stringify(task.rejected)}` : task.type;
  });
}

const two = [joined('m1'), joined('m2')];

test('a unit comes to the machine of the one that it replaces, which moves elsewhere', () => {
  const replacing = wished('new.service', { replaces: ['old*'] });
  assert.deepEqual(
    tasksAfter(...two, ...running('old.service', 'm1'), ...running('other.service', 'm1'), ...replacing),
    ['new.service → m1', 'old.service ✗ m1: replaced there by new.service', 'old.service → m2'],
  );
});

test('with no other machine, what is replaced waits, and says for what', () => {
  assert.deepEqual(
    tasksAfter(joined('m1'), ...running('old.service', 'm1'), ...wished('new.service', { replaces: ['old*'] })),
    [
      'new.service → m1',
      'old.service ✗ m1: replaced there by new.service',
      'old.service waits: {"replaced there by new.service":1}',
    ],
  );
});

test('where there is nothing to replace, it goes where any unit would, and keeps what it names away', () => {
  assert.deepEqual(tasksAfter(...two, ...wished('new.service', { replaces: ['old*'] }), ...wished('old.service')), [
    'new.service → m1',
    'old.service → m2',
  ]);
});

test('it does not go where it may not run itself', () => {
  const picky: Partial<Placement> = { replaces: ['old*'], metadata: [{ key: 'zone', values: ['b'] }] };
  const machines = [joined('m1'), joined('m2', { metadata: { zone: 'b' } })];
  assert.deepEqual(tasksAfter(...machines, ...running('old.service', 'm1'), ...wished('new.service', picky)), [
    'new.service → m2',
  ]);
});

test('a chain of replacements comes to an end, each on a machine of its own', () => {
  const three = [...two, joined('m3')];
  const chain = [
    ...running('a.service', 'm1'),
    ...running('b.service', 'm2', { replaces: ['a.service'] }),
    ...wished('c.service', { replaces: ['b.service'] }),
  ];
  assert.deepEqual(tasksAfter(...three, ...chain), [
    'c.service → m2',
    'b.service ✗ m2: replaced there by c.service',
    'b.service → m1',
    'a.service ✗ m1: replaced there by b.service',
    'a.service → m3',
  ]);
});

test('a circle in which units leave because what they follow is sent away is refused, too, and says how', () => {
  const unit = (name: string, placement: Partial<Placement>, dependencies?: Dependencies) => {
    return { name, submission: submission(name, placement, dependencies ? { dependencies } : {}) };
  };
  const a = unit('a.service', { replaces: ['x.service'] });
  const x = unit('x.service', { replaces: ['db.service'] });
  const app = unit('app.service', { replaces: ['a.service'] }, { Requires: ['web.service'] });
  const web = unit('web.service', { machineOf: 'db.service' });
  const db = unit('db.service', {});
  const all = [a, x, app, web, db];
  const details = [
    'a.service replaces x.service',
    'x.service replaces db.service, and app.service is where that is',
    'app.service replaces a.service',
  ];
  for (const last of all) {
    const known = all.filter((one) => one !== last).map(({ submission }) => submitted(submission));
    given(...known)
      .when({ type: 'SubmitUnits', units: [last] })
      .isRefused('invalid-unit', /^units replace each other in a circle: /, last === a ? details : [/ /, / /, / /]);
    if (last === web || last === db) continue;
    const apart = unit(last.name, {}, last.submission.dependencies);
    given(...known)
      .when({ type: 'SubmitUnits', units: [apart] })
      .leadsTo(submitted(apart.submission));
  }
});

test('a circle of replacements is refused, with the circle; a glob that matches the unit itself is none', () => {
  const unit = (name: string, ...replaces: string[]) => ({ name, submission: submission(name, { replaces }) });
  given(
    submitted(submission('a.service', { replaces: ['b*'] })),
    submitted(submission('b.service', { replaces: ['c*'] })),
  )
    .when({ type: 'SubmitUnits', units: [unit('c.service', 'a.service')] })
    .isRefused('invalid-unit', /in a circle: c\.service → a\.service → b\.service → c\.service/, [
      'c.service replaces a.service',
      'a.service replaces b.service',
      'b.service replaces c.service',
    ]);
  given()
    .when({ type: 'StartUnits', units: [unit('a.service', 'b*'), unit('b.service', 'a*')] })
    .isRefused('invalid-unit', /a\.service → b\.service → a\.service/, [/a.* replaces b/, /b.* replaces a/]);
  given()
    .when({ type: 'SubmitUnits', units: [unit('a.service', 'a*')] })
    .leadsTo(submitted(submission('a.service', { replaces: ['a*'] })));
});
