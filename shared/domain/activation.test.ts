import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fold, given } from '../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../test/support/samples.ts';
import type { Event } from './events.ts';
import type { UnitCommand } from './unit.ts';

const job = submission('job.service');
const timer = submission('job.timer', { activates: 'job.service', machineOf: 'job.service' });
const start: UnitCommand = { type: 'StartUnits', units: [{ name: 'job.timer' }] };
const stop: UnitCommand = { type: 'StopUnits', units: [{ name: 'job.service' }] };
const load = { type: 'UnitLoadRequested', unit: 'job.service' } as const;
const launch = { type: 'UnitLaunchRequested', unit: 'job.timer' } as const;
const onM1 = [
  joined('m1'),
  submitted(job),
  submitted(timer),
  load,
  launch,
  placed('job.service', 'm1'),
  placed('job.timer', 'm1'),
];
const reported = (machine: string, changes: Parameters<typeof report>[1]): Event => ({
  type: 'UnitStateReported',
  machine,
  ...report('job.timer', { sub: 'waiting', ...changes }),
});

describe('a timer', () => {
  it('is started with its unit loaded, which is not started', () => {
    given(submitted(job), submitted(timer)).when(start).leadsTo(load, launch);
  });

  it('lets a unit be that is loaded or launched already', () => {
    given(submitted(job), submitted(timer), load).when(start).leadsTo(launch);
  });

  it('may come together with its unit', () => {
    const units = [
      { name: 'job.timer', submission: timer },
      { name: 'job.service', submission: job },
    ];
    given()
      .when({ type: 'LoadUnits', units })
      .leadsTo(submitted(timer), { type: 'UnitLoadRequested', unit: 'job.timer' }, submitted(job), load);
  });

  it('is refused where its unit is not known, and may be submitted', () => {
    given(submitted(timer))
      .when(start)
      .isRefused('unit-not-found', /submit it first/, [/job\.timer starts job\.service/]);
    given()
      .when({ type: 'SubmitUnits', units: [{ name: 'job.timer', submission: timer }] })
      .leadsTo(submitted(timer));
  });

  it('has what it starts loaded with what that starts in turn, and with what that requires', () => {
    const target = submission('all.target', {}, { dependencies: { Requires: ['db.service'], Wants: ['job.service'] } });
    const path = submission('job.path', { activates: 'all.target', machineOf: 'all.target' });
    const first = submission('job.timer', { activates: 'job.path', machineOf: 'job.path' });
    given(...[job, submission('db.service'), target, path, first].map((each) => submitted(each)))
      .when(start)
      .leadsTo(
        { type: 'UnitLoadRequested', unit: 'job.path' },
        { type: 'UnitLoadRequested', unit: 'all.target' },
        { type: 'UnitLoadRequested', unit: 'db.service' },
        launch,
      );
    given(submitted(first), submitted(path))
      .when(start)
      .isRefused('unit-not-found', /submit it first/, [/job\.path starts all\.target/]);
  });

  it('is loaded with what its unit may not be started without', () => {
    const asking = submission('job.service', {}, { dependencies: { Requisite: ['db.service'] } });
    given(submitted(submission('db.service')), submitted(asking), submitted(timer))
      .when(start)
      .leadsTo(load, { type: 'UnitLoadRequested', unit: 'db.service' }, launch);
  });

  it('is refused where what it starts would start it', () => {
    const path = submission('job.path', { activates: 'job.timer', machineOf: 'job.timer' });
    const first = submission('job.timer', { activates: 'job.path', machineOf: 'job.path' });
    given(submitted(path))
      .when({ type: 'SubmitUnits', units: [{ name: 'job.timer', submission: first }] })
      .isRefused('invalid-unit', /circle: job\.timer → job\.path → job\.timer/);
  });

  it('takes its past along to another machine; a stop lets it begin anew', () => {
    const elapsed = reported('m1', { timer: { since: 5_000, last: 60_000, next: 90_000 } });
    const moved = [
      ...onM1,
      elapsed,
      { type: 'UnitEvicted', unit: 'job.timer', machine: 'm1', reason: 'why not' } as const,
      joined('m2'),
      placed('job.timer', 'm2'),
    ];
    assert.deepEqual(fold(moved).units.get('job.timer')?.timer, { since: 5_000, last: 60_000 });
    // What the first machine says late of an elapse counts; that it is not active there any more does not.
    const late = reported('m1', { timer: { last: 61_000 } });
    assert.deepEqual(fold([...moved, late]).units.get('job.timer')?.timer, { since: 5_000, last: 61_000 });
    const stopped = fold([...moved, { type: 'UnitLoadRequested', unit: 'job.timer' }]);
    assert.deepEqual(stopped.units.get('job.timer')?.timer, { last: 60_000 });
  });
});

describe('a unit with Requisite=', () => {
  const asking = submission('a.service', {}, { dependencies: { Requisite: ['db.service'] } });
  const known = [submitted(submission('db.service')), submitted(asking)];
  const loaded = {
    type: 'UnitLoadRequested',
    unit: 'db.service',
    reason: 'a.service is not started without it',
  } as const;
  const launchA = { type: 'UnitLaunchRequested', unit: 'a.service' } as const;

  it('has what it names loaded, and not started, so that its machine knows how that is', () => {
    given(...known)
      .when({ type: 'StartUnits', units: [{ name: 'a.service' }] })
      .leadsTo(loaded, launchA);
    given(...known, { type: 'UnitLoadRequested', unit: 'db.service' })
      .when({ type: 'StartUnits', units: [{ name: 'a.service' }] })
      .leadsTo(launchA);
  });

  it('that comes with another unit has so, too', () => {
    const site = submitted(submission('site.service', {}, { dependencies: { Wants: ['a.service'] } }));
    given(...known, site)
      .when({ type: 'StartUnits', units: [{ name: 'site.service' }] })
      .leadsTo(
        loaded,
        { ...launchA, reason: 'wanted by site.service' },
        { type: 'UnitLaunchRequested', unit: 'site.service' },
      );
  });
});

describe('stop', () => {
  it('ends what another unit has started, though it is only loaded', () => {
    const running: Event = { type: 'UnitStateReported', machine: 'm1', ...report('job.service') };
    given(...onM1, running)
      .when(stop)
      .leadsTo(load);
    given(...onM1)
      .when(stop)
      .leadsTo();
  });
});
