/** systemd itself as the judge of what becomes of units that depend on each other: random ones are started, and stopped. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { LeaseKeeper } from '../../services/node/leaseKeeper.ts';
import { createProcessRuntime } from '../../services/node/runtime/process.ts';
import { type ShownUnit, startSystemd, whyNoManager } from '../../services/node/testing/systemdManager.ts';
import { UnitRegistry } from '../../services/node/unitRegistry.ts';
import { handleUnits } from '../../services/scheduler/handleCommand.ts';
import { assignmentOf } from '../../services/scheduler/policy/assignment.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { evolve } from '../../shared/domain/cluster.ts';
import type { Event, UnitReport } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import type { RawUnitCommand } from '../../shared/protocol/commands.ts';
import { fold } from '../support/deciderSpec.ts';
import { joined } from '../support/samples.ts';
import { until } from '../support/until.ts';

const why = await whyNoManager();
const skip = why === null || process.env.FLOTILLA_REQUIRE_SYSTEMD === '1' ? false : why;

/**
 * Of a unit on one that it comes after; without `After=` it is a matter of time what a failure does to others. `Upholds=`
 * and `Conflicts=` differ on purpose.
 */
const onEarlier = ['Requires', 'Requires', 'Wants', 'BindsTo', 'Requisite', 'PartOf', 'PropagatesStopTo'];
const onLater = ['Wants', 'PartOf', 'PropagatesStopTo'];
const bodies = [
  ...Array<string>(3).fill('ExecStart=/bin/sleep 1000'),
  'Type=oneshot\nExecStart=/bin/true',
  'Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true',
  'Type=oneshot\nExecStart=/bin/false',
];
const members = ['a', 'b', 'c', 'd'];

interface Group {
  units: Record<string, string>;
  started: string;
  stopped: string;
}

/** Four units: those with later names come after those with earlier ones. */
function groupOf(index: number): fc.Arbitrary<Group> {
  const nameOf = (member: string) => `group${index}${member}.service`;
  const others = members.flatMap((one) =>
    members.filter((other) => other !== one).map((other) => [one, other] as const),
  );
  const relation = (kinds: readonly string[]) =>
    fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 4, arbitrary: fc.constantFrom(...kinds) });
  return fc
    .record({
      relations: fc.tuple(...others.map(([one, other]) => relation(one > other ? onEarlier : onLater))),
      bodies: fc.tuple(...members.map(() => fc.constantFrom(...bodies))),
      stopped: fc.constantFrom(...members),
    })
    .map(({ relations, bodies: chosen, stopped }) => {
      const units = members.map((member, at): [string, string] => {
        const lines = others.flatMap(([one, other], each) => {
          const kind = relations[each];
          if (one !== member || kind == null) return [];
          return [`${kind}=${nameOf(other)}`, `${one > other ? 'After' : 'Before'}=${nameOf(other)}`];
        });
        return [nameOf(member), `[Unit]\n${lines.join('\n')}\n[Service]\n${chosen[at]}\n`];
      });
      return { units: Object.fromEntries(units), started: nameOf('d'), stopped: nameOf(stopped) };
    });
}

const groups = Array.from({ length: 60 }, (_, index) => fc.sample(groupOf(index), { seed: index, numRuns: 1 })).flat();
const units = Object.assign({}, ...groups.map((group) => group.units)) as Record<string, string>;
const names = Object.keys(units);

type Shown = Pick<ShownUnit, 'active' | 'sub'>;
type Lives = Map<string, { started: string; stopped: string }>;

/** How all units are when nothing has happened to them for a while. */
async function atRest(show: () => Promise<Map<string, Shown>>): Promise<(unit: string) => string> {
  let before = '';
  let times = 0;
  const shown = await until(
    'all have come to rest',
    async () => {
      const now = await show();
      const text = JSON.stringify([...now].sort());
      times = text === before ? times + 1 : 0;
      before = text;
      return times >= 10 && now;
    },
    30_000,
  );
  return (unit) => {
    const { active = 'inactive', sub = 'dead' } = shown.get(unit) ?? {};
    return `${active} (${sub})`;
  };
}

function livesOf(started: (unit: string) => string, stopped: (unit: string) => string): Lives {
  return new Map(names.map((unit) => [unit, { started: started(unit), stopped: stopped(unit) }]));
}

async function underSystemd(): Promise<Lives> {
  const systemd = await startSystemd(
    units,
    groups.map(({ started }) => started),
  );
  try {
    const show = () => systemd.show(names);
    await systemd.start();
    const started = await atRest(show);
    await systemd.stop(groups.map(({ stopped }) => stopped));
    return livesOf(started, await atRest(show));
  } finally {
    await systemd.close();
  }
}

/** What the cluster decides, and what a machine makes of it. */
async function underOurs(directory: string): Promise<Lives> {
  const runtime = createProcessRuntime({ directory, machine: 'judged', clock: systemClock });
  const reports = new Map<string, UnitReport>();
  const state = fold([joined('m1')]);
  let seq = 100;
  const add = (event: Event) => evolve(state, event, { seq: ++seq, at: 0 });
  const registry = new UnitRegistry({
    runtimes: { process: runtime, docker: null },
    leases: new LeaseKeeper({ clock: systemClock }),
    clock: systemClock,
    facts: { hostname: 'h', machineId: 'm1', bootId: 'b'.repeat(32), kernelRelease: '6' },
    onReport(report) {
      reports.set(report.unit, report);
      add({ type: 'UnitStateReported', machine: 'm1', ...report });
    },
    given: () => ({}),
    onActive: () => undefined,
    onForget: () => undefined,
    onChange: () => undefined,
    onError: (error) => assert.fail(String(error)),
  });
  const command = (type: 'SubmitUnits' | 'StartUnits' | 'StopUnits', named: RawUnitCommand['units']) => {
    const decided = handleUnits(state, { type, units: named });
    assert.ok(!isRejection(decided), JSON.stringify(decided));
    for (const event of decided.events) add(event);
  };
  const apply = () => {
    const score = { load: 0, units: 0 };
    for (const { name: unit, desired, machines } of [...state.units.values()]) {
      const isOpen = desired !== 'inactive' && Object.keys(machines).length === 0;
      if (isOpen) add({ type: 'UnitPlaced', unit, machine: 'm1', reason: '', score, rejected: {} });
    }
    registry.apply(assignmentOf(state, 'm1', ++seq));
  };
  try {
    const show = async () => new Map(reports);
    for (const group of groups) {
      command(
        'SubmitUnits',
        Object.entries(group.units).map(([name, text]) => ({ name, text })),
      );
      command('StartUnits', [{ name: group.started }]);
    }
    apply();
    const started = await atRest(show);
    for (const { stopped } of groups) command('StopUnits', [{ name: stopped }]);
    apply();
    return livesOf(started, await atRest(show));
  } finally {
    await registry.drain('the test is over');
    runtime.close();
  }
}

const told = (lives: Lives, unit: string) => `${lives.get(unit)?.started}, then ${lives.get(unit)?.stopped}`;

test('units that depend on each other start and stop as under systemd', { skip, timeout: 120_000 }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-dependencies-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const judged = await underSystemd();
  const own = await underOurs(join(directory, 'units'));
  const differing = groups.filter(({ units: four }) =>
    Object.keys(four).some((unit) => JSON.stringify(own.get(unit)) !== JSON.stringify(judged.get(unit))),
  );
  assert.deepEqual(
    differing.map(({ units: four, started, stopped }) =>
      [
        `${started} was started, then ${stopped} stopped`,
        ...Object.entries(four).flatMap(([unit, text]) => [`${unit}: ${text}`, told(judged, unit), told(own, unit)]),
      ].join('\n'),
    ),
    [],
  );
  t.diagnostic(`${names.length} units in ${groups.length} groups start and stop alike`);
});
