import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit, Assignment } from '../../shared/protocol/node.ts';
import type { ActiveUnit } from './announcer.ts';
import { LeaseKeeper } from './leaseKeeper.ts';
import { createFakeRuntime } from './runtime/fake.ts';
import { assigned, ends, exited, type Simulation, type SimulationOptions, simulate } from './testing/unitSimulation.ts';
import { UnitRegistry } from './unitRegistry.ts';

const simple = '[Service]\nExecStart=/main\n';
const other = '[Service]\nExecStart=/main --other\n';
const slow = '[Service]\nExecStart=/main\nExecStop=/stop\n';
const longMs = 3_600_000;
const bootId = 'b'.repeat(32);

interface Node extends Simulation {
  announced: Map<string, ActiveUnit>;
  registry: UnitRegistry;
  leases: LeaseKeeper;
  /** Reports (`unit sub`), and what was forgotten (`-unit`), since the last call. */
  told(): string[];
  /** The last report of each unit. */
  reports: ReadonlyMap<string, UnitReport>;
  changes(): number;
  errors: unknown[];
  apply(version: number, ...units: AssignedUnit[]): Promise<void>;
  running(): string[];
}

/** A node's registry; with `earlier`, that of the next agent on the same machine. */
function node(
  options: SimulationOptions & { bootId?: string; renewedAt?: number; remembered?: () => Promise<void> } = {},
): Node {
  const simulation = simulate(options);
  const { clock, host } = simulation;
  const runtime = createFakeRuntime(host);
  const errors: unknown[] = [];
  const news: string[] = [];
  const reports = new Map<string, UnitReport>();
  const announced = new Map<string, ActiveUnit>();
  let changes = 0;
  const leases = new LeaseKeeper({ clock, renewedAt: options.renewedAt ?? Number.NEGATIVE_INFINITY });
  const registry = new UnitRegistry({
    runtimes: { process: runtime, docker: null },
    leases,
    clock,
    facts: { hostname: 'h', machineId: 'm'.repeat(32), bootId: options.bootId ?? bootId, kernelRelease: '6' },
    onReport: (report) => {
      news.push(`${report.unit} ${report.sub}`);
      reports.set(report.unit, report);
    },
    given: () => ({ FLOTILLA_KV_ENDPOINT: 'h:2379' }),
    onActive: (unit, active) => {
      if (active?.announcements.length) announced.set(unit, active);
      else announced.delete(unit);
    },
    onForget: (unit) => news.push(`-${unit}`),
    onChange: () => {
      changes += 1;
    },
    remembered: options.remembered ?? (() => Promise.resolve()),
    onError: (error) => errors.push(error),
  });
  return {
    ...simulation,
    registry,
    leases,
    errors,
    announced,
    reports,
    told: () => news.splice(0),
    changes: () => changes,
    apply: (version, ...units) => {
      registry.apply(assignment(version, ...units));
      return clock.advance(0);
    },
    running: () => host.running().map(({ unit }) => unit),
  };
}

const assignment = (version: number, ...units: AssignedUnit[]): Assignment => ({
  machine: 'm1',
  cluster: 'c1',
  session: 's1',
  version,
  units,
});
const named = (name: string, text = simple, changes: Partial<AssignedUnit> = {}) =>
  assigned(text, { name, ...changes });
const a = named('a.service');
const b = named('b.service');

describe('the units of a machine', { timeout: 30_000 }, () => {
  it('are those of the newest assignment', async () => {
    const { apply, running, registry, told, host } = node();
    await apply(5, a, b);
    assert.deepEqual([running(), registry.version], [['a.service', 'b.service'], 5]);
    assert.equal(registry.has('a.service'), true);
    told();
    await apply(6, b, named('c.service'));
    assert.deepEqual([running(), registry.version], [['b.service', 'c.service'], 6]);
    assert.ok(told().includes('-a.service'));
    assert.equal(registry.has('a.service'), false);
    assert.equal(host.units.has('a.service'), false, 'traces stay');
  });

  it('do not follow an older assignment, nor the same one twice', async () => {
    const { apply, running, registry, told, ran } = node();
    await apply(5, a);
    told();
    await apply(4, b);
    await apply(5, a);
    assert.deepEqual([running(), registry.version, told(), ran.length], [['a.service'], 5, [], 1]);
  });

  it('do not follow the assignment of another cluster, however new', async () => {
    const { registry, apply, running } = node();
    await apply(5, a);
    registry.apply({ machine: 'm1', cluster: 'c2', session: 's1', version: 99, units: [] });
    assert.deepEqual([running(), registry.version, registry.cluster], [['a.service'], 5, 'c1']);
  });

  it('are announced only while they are healthy, where that is checked', async () => {
    const health = [
      { afterMs: 1_000, says: 'healthy' as const },
      { afterMs: 2_000, says: 'unhealthy' as const },
    ];
    const { apply, announced, clock } = node({ commands: { '/main': { health } } });
    await apply(5, named('a.service', `${simple}[X-Flotilla]\nAnnounce=/services/a {ip}\n`));
    const seen = [announced.size];
    for (const _ of health) {
      await clock.advance(1_000);
      seen.push(announced.size);
    }
    assert.deepEqual(seen, [0, 1, 0]);
  });

  it('are announced while they are active, by their newest placement', async () => {
    const { apply, announced, environments } = node();
    const unit = named('a.service', `${simple}[X-Flotilla]\nAnnounce=/a/%m {{ip}}\n`);
    await apply(5, unit, b);
    const announcements = [{ key: `/a/${'m'.repeat(32)}`, value: '{{ip}}' }];
    assert.deepEqual([...announced], [['a.service', { announcements, token: unit.token }]]);
    assert.equal(environments[0]?.FLOTILLA_KV_ENDPOINT, 'h:2379');
    await apply(6, { ...unit, token: 6 }, b);
    assert.equal(announced.get('a.service')?.token, 6);
    await apply(7, { ...unit, token: 6, goal: 7, desired: 'loaded' }, b);
    assert.equal(announced.size, 0);
    await apply(8, { ...unit, token: 6, goal: 8 }, b);
    assert.equal(announced.size, 1);
    await apply(9, b);
    assert.equal(announced.size, 0);
  });

  it('are announced by the next agent, too, running or done', async () => {
    const announce = '[X-Flotilla]\nAnnounce=/%n x\n';
    const once = `[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/once\n${announce}`;
    const first = node();
    await first.apply(5, named('a.service', `${simple}${announce}`), named('b.service', once));
    assert.equal(first.announced.size, 2);
    first.registry.abandon();
    const next = node({ earlier: first });
    next.registry.recover(first.registry.memory());
    await next.clock.advance(0);
    assert.deepEqual([...next.announced.keys()].sort(), ['a.service', 'b.service']);
  });

  it('follow their goals', async () => {
    const { apply, running, told } = node();
    await apply(5, a);
    told();
    await apply(6, { ...a, desired: 'loaded', goal: 6 });
    assert.deepEqual([running(), told().at(-1)], [[], 'a.service dead']);
  });

  it('are stopped before a new version of them starts, and are not forgotten in between', async () => {
    const { apply, clock, told, ran } = node({ commands: { '/stop': ends(exited(0), 5_000) } });
    await apply(5, named('a.service', slow));
    told();
    await apply(6, named('a.service', other, { goal: 6, token: 6 }));
    assert.deepEqual(ran, ['/main', '/stop']);
    await clock.advance(5_000);
    assert.deepEqual(ran, ['/main', '/stop', '/main --other']);
    assert.deepEqual(told().slice(-2), ['a.service start', 'a.service running']);
  });

  it('are said to be gone only when that is written down: the next agent would start them again', async () => {
    const writes: (() => void)[] = [];
    const remembered = () => new Promise<void>((resolve) => writes.push(resolve));
    const { apply, registry, clock, told, running } = node({ remembered });
    await apply(5, a, b);
    await apply(6, b);
    assert.deepEqual(
      [running(), registry.leaving(), told().includes('-a.service')],
      [['b.service'], ['a.service'], false],
    );
    writes[0]?.();
    await clock.advance(0);
    assert.deepEqual([registry.leaving(), told()], [[], ['-a.service']]);
  });

  it('are replaced only when it is written down that the old version is gone', async () => {
    const writes: (() => void)[] = [];
    const remembered = () => new Promise<void>((resolve) => writes.push(resolve));
    const { apply, registry, clock, running, ran } = node({ remembered });
    const replaced = named('a.service', other, { goal: 6, token: 6 });
    await apply(5, a);
    await apply(6, replaced);
    assert.deepEqual([writes.length, running()], [1, []]);
    await apply(7, replaced, b);
    assert.deepEqual([running(), ran.length], [['b.service'], 2]);
    assert.equal(registry.memory().assignment?.units[0]?.token, 6);
    writes[0]?.();
    await clock.advance(0);
    assert.deepEqual([running(), ran.at(-1)], [['b.service', 'a.service'], '/main --other']);
  });

  it('are forgotten when they are sent away before it is written down that their old version is gone', async () => {
    const writes: (() => void)[] = [];
    const remembered = () => new Promise<void>((resolve) => writes.push(resolve));
    const { apply, registry, clock, running, told } = node({ remembered });
    await apply(5, a, b);
    await apply(6, b, named('a.service', other, { goal: 6, token: 6 }));
    await apply(7, b);
    writes[0]?.();
    await clock.advance(0);
    assert.deepEqual([running(), told().at(-1)], [['b.service'], '-a.service']);
    await apply(8, b, named('a.service', other, { goal: 8, token: 8 }));
    await apply(9, b, named('a.service', simple, { goal: 9, token: 9 }));
    told();
    const drained = registry.drain('stopped');
    await clock.advance(0);
    for (const write of writes) write();
    await drained;
    assert.deepEqual(told().slice(-2).sort(), ['-a.service', '-b.service']);
  });

  it('are gone in the end when the machine is shut down, though the disk does not take it', async () => {
    const { apply, registry, clock, running } = node({ remembered: () => new Promise(() => undefined) });
    await apply(5, a, b);
    let isDrained = false;
    void registry.drain('stopped').then(() => {
      isDrained = true;
    });
    await clock.advance(1_000);
    assert.deepEqual([running(), isDrained], [[], false]);
    await clock.advance(1_000);
    assert.equal(isDrained, true);
  });

  it('wait for their copy on another machine to end, and say so; what starts them meanwhile waits, too', async () => {
    const { apply, registry, running, reports, clock } = node();
    const waits = named('a.service', simple, { awaits: 'm2' });
    const job = named('job.service', simple, { desired: 'loaded', awaits: 'm2' });
    const timer = named('job.timer', '[Timer]\nOnActiveSec=1s\n');
    await apply(5, waits, b, job, timer);
    await clock.advance(2_000);
    assert.deepEqual(running(), ['b.service']);
    for (const name of ['a.service', 'job.service']) {
      const { active, sub, reason } = reports.get(name) ?? {};
      assert.deepEqual([active, sub, reason], ['activating', 'waiting', 'waiting for its copy on m2 to end']);
    }
    await apply(6, a, b, named('job.service', simple, { desired: 'loaded' }), timer);
    assert.deepEqual(running().sort(), ['a.service', 'b.service', 'job.service']);
    assert.deepEqual(registry.leaving(), []);
  });

  it('that wait for their copy hold up what comes after them', async () => {
    const { apply, running } = node();
    const after = named('web.service', `[Unit]\nRequires=a.service\nAfter=a.service\n${simple}`);
    await apply(5, named('a.service', simple, { awaits: 'm2' }), after);
    assert.deepEqual(running(), []);
    await apply(6, a, after);
    assert.deepEqual(running(), ['a.service', 'web.service']);
  });

  it('that wait for their copy may be stopped, restarted or taken away meanwhile', async () => {
    const { apply, running, host } = node();
    const waits = named('a.service', simple, { awaits: 'm2' });
    await apply(5, waits);
    await apply(6, { ...waits, goal: 6, restart: 6 });
    assert.deepEqual(running(), []);
    await apply(7, { ...waits, goal: 7, restart: 6, desired: 'loaded' });
    await apply(8, named('a.service', simple, { goal: 7, restart: 6, desired: 'loaded' }));
    assert.deepEqual(running(), []);
    await apply(9, named('a.service', simple, { goal: 9, restart: 6 }));
    assert.deepEqual(running(), ['a.service']);
    await apply(10, named('b.service', simple, { awaits: 'm2' }));
    await apply(11);
    assert.deepEqual([running(), host.running().length], [[], 0]);
  });

  it('are told to leave as long as anything of them is there', async () => {
    const { apply, registry, clock } = node({ commands: { '/stop': ends(exited(0), 5_000) } });
    assert.equal(registry.leaving(), null, 'what an earlier agent left is not known');
    let gone = 0;
    const quiet = registry.onGone(() => void gone++);
    await apply(5, named('a.service', slow), b);
    assert.deepEqual(registry.leaving(), []);
    await apply(6, b);
    assert.deepEqual([registry.leaving(), gone], [['a.service'], 0]);
    await apply(7, b, named('a.service', slow, { goal: 7, token: 7 }));
    assert.deepEqual(registry.leaving(), [], 'it is assigned again');
    await apply(8, b);
    await clock.advance(5_000);
    assert.deepEqual([registry.leaving(), gone], [[], 1]);
    quiet();
  });

  it('come back when they are assigned again while they stop', async () => {
    const { apply, clock, running, told } = node({ commands: { '/stop': ends(exited(0), 5_000) } });
    await apply(5, named('a.service', slow));
    await apply(6);
    await apply(7, named('a.service', slow, { goal: 7, token: 7 }));
    await clock.advance(5_000);
    assert.deepEqual([running(), told().at(-1)], [['a.service'], 'a.service running']);
  });

  it('that cannot be read are reported as such, until they are replaced or taken away', async () => {
    const { apply, told, registry, running, ran } = node();
    const broken = named('a.service', '[Service]\nType=dbus\nExecStart=/main\n');
    await apply(5, broken, b);
    assert.ok(told().includes('a.service failed'));
    assert.equal(registry.has('a.service'), true);
    await apply(6, { ...broken, goal: 6 }, b);
    assert.deepEqual(told(), ['a.service failed']);
    await apply(7, named('a.service', simple, { goal: 7 }), b, named('c.service'));
    assert.deepEqual(running().sort(), ['a.service', 'b.service', 'c.service']);
    assert.equal(ran.length, 3, 'a unit was started twice');
    await apply(8, named('a.service', broken.text, { goal: 8 }));
    await apply(9);
    assert.equal(told().at(-1), '-a.service');
    assert.equal(registry.has('a.service'), false);
  });

  it('that need an engine which this machine lacks fail, and the others do not', async () => {
    const { apply, running, told } = node();
    await apply(5, named('a.service', '[Service]\nExecStart=/usr/bin/docker run redis\n'), b);
    assert.deepEqual(running(), ['b.service']);
    assert.ok(told().includes('a.service failed'));
  });

  it('are remembered whenever something changes', async () => {
    const { apply, changes, registry, host, clock } = node();
    await apply(5, a, b);
    const before = changes();
    host.end('a.service', exited(3));
    await clock.advance(0);
    assert.ok(changes() > before);
    const { assignment: remembered, rest } = registry.memory();
    assert.equal(remembered?.version, 5);
    assert.deepEqual(
      rest.map(({ unit, sub }) => [unit, sub]),
      [['a.service', 'failed']],
    );
  });

  it('are in the end what the last assignment says, whatever came before', async () => {
    const unit = fc.record({
      name: fc.constantFrom('a.service', 'b.service', 'c.service'),
      text: fc.constantFrom(simple, other, slow),
      desired: fc.constantFrom('launched' as const, 'loaded' as const),
    });
    const step = fc.record({
      units: fc.uniqueArray(unit, { selector: ({ name }) => name, maxLength: 3 }),
      waitMs: fc.constantFrom(0, 1, 3_000, 10_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const { apply, clock, host, registry } = node({ commands: { '/stop': ends(exited(0), 5_000) } });
        for (const [i, { units, waitMs }] of steps.entries()) {
          const seq = i + 1;
          await apply(
            seq,
            ...units.map(({ name, text, desired }) => named(name, text, { desired, goal: seq, token: seq })),
          );
          await clock.advance(waitMs);
        }
        await clock.advance(longMs);
        const last = steps.at(-1)?.units ?? [];
        const launched = last.filter(({ desired }) => desired === 'launched');
        assert.deepEqual(
          host
            .running()
            .map(({ unit: name, hash }) => `${name} ${hash}`)
            .sort(),
          launched.map(({ name, text }) => `${name} ${assigned(text).hash}`).sort(),
        );
        assert.equal(registry.size, last.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the next agent', { timeout: 30_000 }, () => {
  it('takes up what runs, starts nothing anew, and leaves at rest what was', async () => {
    const earlier = node();
    await earlier.apply(5, a, b);
    earlier.host.end('b.service', exited(1));
    await earlier.clock.advance(0);
    const memory = earlier.registry.memory();
    earlier.registry.abandon();
    const { registry, told, clock, ran } = node({ earlier });
    registry.recover(memory);
    await clock.advance(longMs);
    assert.deepEqual([told().sort(), ran.length], [['a.service running', 'b.service failed'], 2]);
    assert.equal(registry.version, 5);
  });

  it('waits on for what the one before it waited for', async () => {
    const earlier = node();
    const waits = named('a.service', simple, { awaits: 'm2' });
    await earlier.apply(5, waits);
    const memory = earlier.registry.memory();
    earlier.registry.abandon();
    const { registry, running, clock, apply } = node({ earlier });
    registry.recover(memory);
    await clock.advance(longMs);
    assert.deepEqual(running(), []);
    await apply(6, a);
    assert.deepEqual(running(), ['a.service']);
  });

  it('does not say that nothing is left before it has looked', async () => {
    const earlier = node({ commands: { '/stop': ends(exited(0), 5_000) } });
    await earlier.apply(5, named('a.service', slow));
    const memory = earlier.registry.memory();
    earlier.registry.abandon();
    const { registry, clock, apply } = node({ earlier });
    registry.recover(memory);
    await clock.advance(0);
    assert.equal(registry.leaving(), null);
    await apply(6);
    assert.deepEqual(registry.leaving(), ['a.service']);
    await clock.advance(5_000);
    assert.deepEqual(registry.leaving(), []);
  });

  it('starts what was assigned and not yet started', async () => {
    const { registry, running, clock } = node();
    registry.recover({ bootId, assignment: assignment(5, a), rest: [] });
    await clock.advance(0);
    assert.deepEqual(running(), ['a.service']);
  });

  it('runs again what was stopped for want of a lease, when the machine is heard', async () => {
    const leased = named('a.service', `${simple}Restart=no\n[X-Flotilla]\nOnDisconnect=stop\nDisconnectGraceSec=2\n`);
    const earlier = node({ renewedAt: 0 });
    await earlier.apply(5, leased);
    await earlier.clock.advance(5_000);
    assert.deepEqual([earlier.ran.length, earlier.running()], [1, []]);
    const memory = earlier.registry.memory();
    earlier.registry.abandon();
    const { registry, leases, clock, running } = node({ earlier, renewedAt: 0 });
    registry.recover(memory);
    await clock.advance(5_000);
    assert.deepEqual(running(), []);
    leases.renew(clock.monotonicNow());
    await clock.advance(10);
    assert.deepEqual(running(), ['a.service']);
  });

  it('removes what it is not assigned, once the cluster has said so: its memory may be too old', async () => {
    for (const remembers of [true, false]) {
      const earlier = node();
      await earlier.apply(5, a, b);
      earlier.registry.abandon();
      const { registry, clock, running, apply } = node({ earlier });
      registry.recover({ bootId, assignment: remembers ? assignment(4, a) : null, rest: [] });
      await clock.advance(longMs);
      assert.deepEqual(running(), ['a.service', 'b.service']);
      await apply(7, a);
      assert.deepEqual(running(), ['a.service']);
    }
  });

  it('removes it too when the cluster confirms the assignment that it remembers', async () => {
    const earlier = node();
    await earlier.apply(5, a, b);
    earlier.registry.abandon();
    const { registry, clock, running } = node({ earlier });
    registry.recover({ bootId, assignment: assignment(6, a), rest: [] });
    registry.confirm();
    await clock.advance(0);
    assert.deepEqual(running(), ['a.service']);
  });

  it('finds what was started after its memory was written', async () => {
    const earlier = node();
    await earlier.apply(4, a);
    const memory = earlier.registry.memory();
    await earlier.apply(5, a, b);
    earlier.registry.abandon();
    const { registry, apply, ran, told } = node({ earlier });
    registry.recover(memory);
    await apply(5, a, b);
    assert.deepEqual([ran.length, told().sort()], [2, ['a.service running', 'b.service running']]);
  });

  it('without a memory finds its units by their traces', async () => {
    const earlier = node();
    await earlier.apply(5, a);
    earlier.registry.abandon();
    const { apply, told, ran } = node({ earlier });
    await apply(5, a);
    assert.deepEqual([told(), ran], [['a.service running'], ['/main']]);
  });

  it('after a restart of the machine starts nothing before the cluster has said what is still its own', async () => {
    const earlier = node();
    await earlier.apply(5, a, b);
    const memory = earlier.registry.memory();
    earlier.registry.abandon();
    earlier.host.reboot();
    const { registry, clock, running, apply } = node({ earlier, bootId: 'c'.repeat(32) });
    registry.recover(memory);
    await clock.advance(longMs);
    assert.deepEqual([running(), registry.version], [[], 0]);
    await apply(9, { ...b, token: 9, goal: 9 });
    await clock.advance(longMs);
    assert.deepEqual(running(), ['b.service']);
  });

  it('tells of traces that cannot be listed, and goes on', async () => {
    const { registry, apply, errors, host, running } = node();
    const units = host.units;
    host.units.keys = () => {
      throw new Error('the engine does not answer');
    };
    await apply(1, a);
    assert.deepEqual([errors.length, running(), registry.version], [1, ['a.service'], 1]);
    host.units.keys = Object.getPrototypeOf(units).keys;
  });
});

describe('draining', { timeout: 30_000 }, () => {
  it('stops and forgets everything, and ends when nothing is left', async () => {
    const { registry, apply, clock, told, host } = node({ commands: { '/stop': ends(exited(0), 5_000) } });
    await apply(5, named('a.service', slow), b);
    let drained = false;
    void registry.drain('the node stops').then(() => {
      drained = true;
    });
    await clock.advance(4_999);
    assert.equal(drained, false);
    await clock.advance(1);
    assert.equal(drained, true);
    assert.deepEqual(host.units.size, 0);
    assert.deepEqual(
      told()
        .filter((each) => each.startsWith('-'))
        .sort(),
      ['-a.service', '-b.service'],
    );
  });

  it('of nothing ends at once', async () => {
    await node().registry.drain('the node stops');
  });

  it('takes up nothing any more, and remembers nothing: the next start asks the cluster', async () => {
    const { registry, apply, running } = node();
    await apply(5, a);
    const drained = registry.drain('the node stops');
    await apply(6, a, b);
    await drained;
    assert.deepEqual([running(), registry.memory()], [[], { bootId, assignment: null, rest: [] }]);
  });
});
