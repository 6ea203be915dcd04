/** What unmet conditions do to the start of a unit that starts others: systemd.unit(5), "Conditions and Asserts". */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { until } from '../../test/support/until.ts';
import { createMachineFacts } from './conditions/machineFacts.ts';
import { LeaseKeeper } from './leaseKeeper.ts';
import { createFakeRuntime } from './runtime/fake.ts';
import { boardsOf } from './runtime/notify/noticeBoard.ts';
import { SocketSite } from './sockets/socketHolder.ts';
import { assigned, type SimulationOptions, simulate } from './testing/unitSimulation.ts';
import { UnitRegistry } from './unitRegistry.ts';

/** Where sockets are held, for one test. */
async function site(t: TestContext): Promise<SocketSite> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-triggers-'));
  const sockets = new SocketSite(directory);
  t.after(async () => {
    await sockets.sweep([]);
    await rm(boardsOf(join(directory, 'sockets')), { recursive: true, force: true });
    await rm(directory, { recursive: true });
  });
  return sockets;
}

/** A machine on which nothing exists but these paths. */
function machine(t: TestContext, paths: Set<string>, options: SimulationOptions & { sockets: SocketSite }) {
  const { sockets } = options;
  const simulation = simulate(options);
  const { clock, host } = simulation;
  const reports = new Map<string, UnitReport>();
  const runtime = createFakeRuntime(host);
  const registry = new UnitRegistry({
    runtimes: { process: runtime, docker: null },
    leases: new LeaseKeeper({ clock }),
    clock,
    sockets,
    machine: {
      ...createMachineFacts(''),
      stat: async (path) => (paths.has(path) ? { kind: 'file', sizeBytes: 1, mode: 0o644 } : null),
    },
    facts: { hostname: 'h', machineId: 'm', bootId: 'b'.repeat(32), kernelRelease: '6' },
    onReport: (report) => void reports.set(report.unit, report),
    given: () => ({}),
    onActive: () => undefined,
    onForget: () => undefined,
    onChange: () => undefined,
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => registry.abandon());
  let version = 0;
  const said = (unit: string) => {
    const { active, result, reason } = reports.get(unit) ?? {};
    return `${active} ${result}: ${reason}`;
  };
  return {
    ...simulation,
    registry,
    reports,
    apply(...units: AssignedUnit[]) {
      version += 1;
      registry.apply({ machine: 'm', cluster: 'c', session: 's', version, units });
    },
    async tells(unit: string, expected: RegExp) {
      await until(`${unit} tells ${expected}`, async () => {
        await clock.advance(200);
        return expected.test(said(unit));
      });
    },
    said,
  };
}

const job = assigned('[Service]\nExecStart=/main\n', { name: 'job.service', desired: 'loaded' });
const kinds: [type: string, section: string][] = [
  ['timer', '[Timer]\nOnActiveSec=1h'],
  ['path', '[Path]\nPathExists=/never'],
  ['socket', '[Socket]\nListenStream=@flotilla-conditions'],
];

for (const [type, section] of kinds) {
  const name = `job.${type}`;
  const unit = (kind: 'Condition' | 'Assert', changes: Partial<AssignedUnit> = {}) =>
    assigned(`[Unit]\n${kind}PathExists=/on\n${section}\n`, { name, ...changes });

  describe(`a ${type}`, () => {
    it('is left out where a condition is not met, and started where it is, looked at anew each time', async (t) => {
      const paths = new Set<string>();
      const { apply, tells } = machine(t, paths, { sockets: await site(t) });
      apply(job, unit('Condition'));
      await tells(name, /^inactive condition: ConditionPathExists=\/on was not met$/);
      paths.add('/on');
      apply(job, unit('Condition', { goal: 2, restart: 2 }));
      await tells(name, /^active success/);
      paths.delete('/on');
      apply(job, unit('Condition', { goal: 3, restart: 3 }));
      await tells(name, /^inactive condition/);
    });

    it('fails to start where an assert is not met', async (t) => {
      const { apply, tells } = machine(t, new Set(), { sockets: await site(t) });
      apply(job, unit('Assert'));
      await tells(name, /^inactive assert: AssertPathExists=\/on was not met$/);
    });

    it('stays as it is when the agent is restarted, whatever its conditions say by then', async (t) => {
      for (const [before, after, state] of [
        [[], ['/on'], /^inactive condition/],
        [['/on'], [], /^active success/],
      ] as const) {
        const sockets = await site(t);
        const first = machine(t, new Set<string>(before), { sockets });
        first.apply(job, unit('Condition'));
        await first.tells(name, state);
        const memory = first.registry.memory();
        first.registry.abandon();
        const next = machine(t, new Set<string>(after), { earlier: first, sockets });
        next.registry.recover(memory);
        await next.tells(name, state);
        await next.clock.advance(1_000);
        assert.match(next.said(name), state);
        next.registry.abandon();
      }
    });
  });
}
