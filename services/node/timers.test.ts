/** Timers and the services that they start, on a fake host, in simulated time that begins on 2023-11-14 at 22:13:20 UTC. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { evolve } from '../../shared/domain/cluster.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../test/support/samples.ts';
import { LeaseKeeper } from './leaseKeeper.ts';
import { createFakeRuntime } from './runtime/fake.ts';
import { assigned, ends, exited, type SimulationOptions, simulate } from './testing/unitSimulation.ts';
import { UnitRegistry } from './unitRegistry.ts';

const begin = 1_700_000_000_000;
const minute = 60_000;
const hour = 60 * minute;
const job = '[Service]\nType=oneshot\nExecStart=/job\n';
const bootId = 'b'.repeat(32);

function machine(options: SimulationOptions & { id?: string; bootedMsAgo?: number } = {}) {
  const simulation = simulate({ commands: { '/job': ends(exited(0)) }, ...options });
  const { clock, host } = simulation;
  const starts: number[] = [];
  const reports = new Map<string, UnitReport>();
  const history: string[] = [];
  const runtime = createFakeRuntime(host);
  const registry = new UnitRegistry({
    runtimes: { process: runtime, docker: null },
    leases: new LeaseKeeper({ clock }),
    clock,
    bootedAt: clock.monotonicNow() - (options.bootedMsAgo ?? 0),
    facts: { hostname: 'h', machineId: options.id ?? 'm', bootId, kernelRelease: '6' },
    onReport: (report) => {
      const before = reports.get(report.unit);
      const isNew = report.sub === 'start' && before?.sub !== 'start' && !report.reason.startsWith('adopted');
      // The clock gives every wait at least a millisecond.
      if (report.unit === 'job.service' && isNew) starts.push(Math.floor(clock.now() / 1000) * 1000);
      reports.set(report.unit, report);
      history.push(`${report.unit} ${report.active} ${report.sub}`);
    },
    given: () => ({}),
    onActive: () => undefined,
    onForget: () => undefined,
    onChange: () => undefined,
    onError: (error) => assert.fail(String(error)),
  });
  let version = 0;
  return {
    ...simulation,
    registry,
    starts,
    history,
    report: (unit: string) => reports.get(unit),
    async apply(...units: AssignedUnit[]) {
      version += 1;
      registry.apply({ machine: 'm', cluster: 'c', session: 's', version, units });
      await clock.advance(0);
    },
  };
}

const loaded = (text = job) => assigned(text, { name: 'job.service', desired: 'loaded' });
const timer = (text: string, changes: Partial<AssignedUnit> = {}) =>
  assigned(`[Timer]\n${text}\n`, { name: 'job.timer', ...changes });
const at = (...times: string[]) => times.map((time) => Date.parse(`2023-11-${time}Z`));

const named = (name: string, text: string, changes: Partial<AssignedUnit> = {}) =>
  assigned(text, { name, desired: 'loaded', ...changes });

describe('timers that start other units than services', () => {
  const stateOf = ({ report }: ReturnType<typeof machine>, unit: string) =>
    `${report(unit)?.active} ${report(unit)?.sub}`;

  it('start a target with what it wants and requires here', async () => {
    const here = machine();
    const server = loaded('[Service]\nExecStart=/main\n');
    const target = named('all.target', '[Unit]\nRequires=job.service\nWants=other.timer elsewhere.service\n');
    const other = named('other.timer', '[Timer]\nOnActiveSec=1h\nUnit=job.service\n');
    await here.apply(server, target, other, timer('OnActiveSec=10min\nUnit=all.target'));
    await here.clock.advance(9 * minute);
    assert.equal(stateOf(here, 'all.target'), 'inactive dead');
    await here.clock.advance(2 * minute);
    assert.equal(stateOf(here, 'all.target'), 'active active');
    assert.equal(stateOf(here, 'job.service'), 'active running');
    assert.equal(stateOf(here, 'other.timer'), 'active waiting');
    assert.equal(here.report('other.timer')?.reason, 'wanted by all.target');
    assert.equal(stateOf(here, 'job.timer'), 'active running');
    // It waits again when the target is stopped.
    await here.apply(server, { ...target, goal: 2 }, other, timer('OnActiveSec=10min\nUnit=all.target'));
    assert.equal(stateOf(here, 'all.target'), 'inactive dead');
    assert.equal(stateOf(here, 'job.timer'), 'active elapsed');
  });

  it('start a target again and again that stops when nobody needs it', async () => {
    const here = machine();
    const target = (line: string) => named('all.target', `[Unit]\nWants=job.service\n${line}\n`);
    const hourly = timer('OnCalendar=*:0/30\nUnit=all.target');
    await here.apply(loaded(), target('StopWhenUnneeded=yes'), hourly);
    await here.clock.advance(hour);
    assert.deepEqual(here.starts, at('14T22:30', '14T23:00'));
    assert.equal(stateOf(here, 'all.target'), 'inactive dead');
    assert.match(here.report('all.target')?.reason ?? '', /no unit needs it/);
    // What it wants elsewhere is to be started, though it was never seen to be active.
    assert.equal(here.report('all.target')?.activatedAt, Date.parse('2023-11-14T23:00:00Z'));
    // Without that it is active for good; and what is launched stays, too.
    const other = machine();
    await other.apply(loaded(), target(''), hourly);
    await other.clock.advance(hour);
    assert.deepEqual(other.starts, at('14T22:30'));
    const third = machine();
    await third.apply(loaded(), { ...target('StopWhenUnneeded=yes'), desired: 'launched' });
    assert.equal(stateOf(third, 'all.target'), 'active active');
  });

  it('start another timer, whose time begins then, and which is active until it is told to stop', async () => {
    const here = machine();
    const inner = named('inner.timer', '[Timer]\nOnActiveSec=10min\nUnit=job.service\n');
    const outer = timer('OnActiveSec=30min\nUnit=inner.timer');
    await here.apply(loaded(), inner, outer);
    await here.clock.advance(35 * minute);
    assert.equal(stateOf(here, 'inner.timer'), 'active waiting');
    await here.clock.advance(25 * minute);
    assert.deepEqual(here.starts, [begin + 40 * minute]);
    await here.apply(loaded(), { ...inner, goal: 2 }, outer);
    assert.equal(stateOf(here, 'inner.timer'), 'inactive dead');
    // Wished by the cluster while another unit has started it: it goes on.
    const again = machine();
    await again.apply(loaded(), inner, outer);
    await again.clock.advance(35 * minute);
    await again.apply(loaded(), { ...inner, goal: 2, desired: 'launched' }, outer);
    await again.clock.advance(6 * minute);
    assert.deepEqual(again.starts, [begin + 40 * minute]);
  });

  it('have started it for the next agent, too', async () => {
    const first = machine();
    const inner = named('inner.timer', '[Timer]\nOnActiveSec=20min\nUnit=job.service\n');
    const units = [loaded(), inner, timer('OnActiveSec=10min\nUnit=inner.timer')];
    await first.apply(...units);
    await first.clock.advance(15 * minute);
    const memory = first.registry.memory();
    first.registry.abandon();
    const next = machine({ earlier: first });
    next.registry.recover(memory);
    await next.apply(...units);
    await next.clock.advance(10 * minute);
    assert.equal(stateOf(next, 'inner.timer'), 'active waiting');
    await next.clock.advance(10 * minute);
    assert.deepEqual(next.starts, [begin + 30 * minute]);
  });

  it('have started a target, or what has done its work and remains, for the next agent, too', async () => {
    const remains = '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/job\n';
    const first = machine();
    const units = [
      loaded(remains),
      named('all.target', '[Unit]\nWants=job.service\n'),
      timer('OnActiveSec=10min\nUnit=all.target'),
    ];
    await first.apply(...units);
    await first.clock.advance(15 * minute);
    const memory = first.registry.memory();
    first.registry.abandon();
    const next = machine({ earlier: first });
    next.registry.recover(memory);
    await next.apply(...units);
    await next.clock.advance(minute);
    assert.equal(stateOf(next, 'job.service'), 'active exited');
    assert.equal(stateOf(next, 'all.target'), 'active active');
  });
});

describe('timers', () => {
  it('start their loaded service at the times of the calendar, and wait again when it has ended', async () => {
    const { clock, starts, history, report, apply } = machine();
    await apply(loaded(), timer('OnCalendar=*:0/30'));
    assert.deepEqual(history, ['job.timer active waiting', 'job.service inactive dead']);
    assert.equal(report('job.timer')?.timer?.next, Date.parse('2023-11-14T22:30:00Z'));
    await clock.advance(hour);
    assert.deepEqual(starts, at('14T22:30', '14T23:00'));
    const states = history.filter((line) => line.startsWith('job.timer')).map((line) => line.split(' ')[2]);
    assert.deepEqual(states, ['waiting', 'running', 'waiting', 'running', 'waiting']);
    assert.equal(report('job.timer')?.timer?.last, Date.parse('2023-11-14T23:00:00Z'));
  });

  it('do not start what still runs, and make up for it once when it has ended', async () => {
    const { clock, starts, apply } = machine({ commands: { '/job': ends(exited(0), 25 * minute) } });
    await apply(loaded(), timer('OnCalendar=*:0/10'));
    await clock.advance(hour);
    assert.deepEqual(starts, at('14T22:20', '14T22:45', '14T23:10'));
  });

  it('count from the boot, from when they became active, and from the last start and end of their unit', async () => {
    const cases: [text: string, startsAfterMin: number[]][] = [
      ['OnBootSec=30min', [20]],
      ['OnActiveSec=30min', [30]],
      ['OnBootSec=5min\nOnUnitActiveSec=20min', [0, 20, 40, 60]],
      ['OnActiveSec=10min\nOnUnitInactiveSec=20min', [10, 35, 60]],
    ];
    for (const [text, minutes] of cases) {
      const { clock, starts, apply } = machine({
        bootedMsAgo: 10 * minute,
        commands: { '/job': ends(exited(0), text.includes('Inactive') ? 5 * minute : 0) },
      });
      await apply(loaded(), timer(text));
      await clock.advance(65 * minute);
      assert.deepEqual(
        starts.map((start) => (start - begin) / minute),
        minutes,
        text,
      );
    }
  });

  it('have elapsed when nothing is to come, or are dead with RemainAfterElapse=no', async () => {
    for (const [text, state] of [
      ['OnActiveSec=1min', 'active elapsed'],
      ['OnActiveSec=1min\nRemainAfterElapse=no', 'inactive dead'],
      ['OnCalendar=2020-01-01', 'active elapsed'],
    ] as const) {
      const { clock, report, apply } = machine();
      await apply(loaded(), timer(text));
      await clock.advance(hour);
      const { active, sub } = report('job.timer') ?? {};
      assert.equal(`${active} ${sub}`, state, text);
    }
  });

  it('that are dead begin anew with the next start; those that are active are left alone', async () => {
    for (const [text, expected] of [
      ['OnActiveSec=1min\nRemainAfterElapse=no', at('14T22:14', '14T23:14')],
      ['OnActiveSec=1min', at('14T22:14')],
    ] as const) {
      const { clock, starts, apply } = machine();
      await apply(loaded(), timer(text));
      await clock.advance(hour);
      await apply(loaded(), timer(text, { goal: 2 }));
      await clock.advance(hour);
      const minutes = starts.map((start) => start - (start % minute));
      assert.deepEqual(minutes, expected, text);
    }
  });

  it('are put off by chance up to RandomizedDelaySec=, by always the same with FixedRandomDelay=', async () => {
    const delays = new Set<number>();
    for (const id of ['m1', 'm2']) {
      const { clock, starts, apply } = machine({ id });
      await apply(loaded(), timer('OnCalendar=23:00\nRandomizedDelaySec=20min\nFixedRandomDelay=yes'));
      await clock.advance(2 * hour);
      assert.equal(starts.length, 1);
      delays.add((starts[0] ?? 0) - Date.parse('2023-11-14T23:00Z'));
    }
    const [delay = 0, ...others] = delays;
    assert.deepEqual(others, []);
    assert.ok(delay > 0 && delay < 20 * minute, String(delay));
  });

  it('stop with the wish, and what they started goes on', async () => {
    const { clock, starts, report, apply, host } = machine({ commands: { '/job': {} } });
    await apply(loaded(), timer('OnCalendar=*:0/30'));
    await clock.advance(20 * minute);
    await apply(loaded(), timer('OnCalendar=*:0/30', { desired: 'loaded', goal: 2 }));
    assert.equal(report('job.timer')?.sub, 'dead');
    assert.deepEqual(starts, at('14T22:30'));
    assert.equal(host.running().length, 1);
    await apply({ ...loaded(), goal: 3 }, timer('OnCalendar=*:0/30', { desired: 'loaded', goal: 2 }));
    await clock.advance(minute);
    assert.equal(host.running().length, 0);
    assert.equal(report('job.service')?.result, 'signal');
  });

  it('start with Persistent= what was due while no machine had them, once, and never again what they have started', async () => {
    const yesterday = Date.parse('2023-11-13T12:00Z');
    const cases: [text: string, last: number, starts: number][] = [
      ['OnCalendar=*:30\nPersistent=yes', yesterday, 1],
      ['OnCalendar=*:30', yesterday, 0],
      ['OnCalendar=*:30\nPersistent=yes', begin - minute, 0],
    ];
    for (const [text, last, count] of cases) {
      const { clock, starts, apply } = machine();
      await apply(loaded(), timer(text, { timer: { since: yesterday, last } }));
      await clock.advance(minute);
      assert.equal(starts.length, count, text);
    }
  });

  it('fail when their unit cannot run here', async () => {
    const { clock, report, apply } = machine();
    await apply(timer('OnActiveSec=1'));
    await clock.advance(minute);
    const { active, result, reason } = report('job.timer') ?? {};
    assert.deepEqual([active, result, reason], ['failed', 'resources', 'job.service is not on this machine']);
  });

  it('miss nothing and repeat nothing while agents are killed and started anew', async () => {
    const pauses = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(pauses, fc.integer({ min: 0, max: 12 }), async (runs, jobMinutes) => {
        const commands = { '/job': ends(exited(0), jobMinutes * minute) };
        let host = machine({ commands });
        const text = 'OnCalendar=*:0/15';
        await host.apply(loaded(), timer(text));
        const all: number[] = [];
        let elapsed = 0;
        for (const run of runs) {
          await host.clock.advance(run * minute);
          elapsed += run;
          const memory = host.registry.memory();
          host.registry.abandon();
          all.push(...host.starts);
          host = machine({ commands, earlier: host });
          host.registry.recover(memory);
          await host.clock.advance(0);
        }
        all.push(...host.starts);
        const end = begin + elapsed * minute;
        const due: number[] = [];
        for (let time = at('14T22:15')[0] ?? 0; time <= end; time += 15 * minute) due.push(time);
        assert.deepEqual(all, due);
      }),
      { numRuns: 30 },
    );
  });

  it('persistent ones miss nothing and repeat nothing while they move from machine to machine', async () => {
    const stays = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 40 })), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(stays, async (all) => {
        const state = fold([submitted(submission('job.timer', { activates: 'job.service' }))]);
        const starts: number[] = [];
        const expected: number[] = [];
        // Since the timer became active, or was last made up for: what is due after that.
        let done = begin;
        let now = begin;
        for (const [seq, [stayMin, gapMin]] of all.entries()) {
          const here = machine({ id: `m${seq}`, at: now });
          evolve(state, joined(`m${seq}`), { seq: 2 * seq + 2, at: now });
          evolve(state, placed('job.timer', `m${seq}`), { seq: 2 * seq + 3, at: now });
          const past = state.units.get('job.timer')?.timer;
          await here.apply(loaded(), timer('OnCalendar=*:0/15\nPersistent=yes', past ? { timer: { ...past } } : {}));
          await here.clock.advance(stayMin * minute + 10);
          const end = now + stayMin * minute;
          const quarter = 15 * minute;
          // What came due in the gap, at once and once; then each in its time.
          if (Math.floor(now / quarter) > Math.floor(done / quarter)) expected.push(now);
          for (let due = (Math.floor(now / quarter) + 1) * quarter; due <= end; due += quarter) expected.push(due);
          starts.push(...here.starts);
          done = end;
          const report = here.report('job.timer');
          if (report) evolve(state, { type: 'UnitStateReported', machine: `m${seq}`, ...report }, { seq: 1, at: end });
          evolve(
            state,
            { type: 'UnitEvicted', unit: 'job.timer', machine: `m${seq}`, reason: '' },
            { seq: 1, at: end },
          );
          here.registry.abandon();
          now = end + gapMin * minute;
        }
        assert.deepEqual(
          starts,
          expected.map((at) => Math.floor(at / 1000) * 1000),
        );
      }),
      { numRuns: 40 },
    );
  });
});
