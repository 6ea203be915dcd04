import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { LeaseKeeper } from './leaseKeeper.ts';
import { createFakeRuntime } from './runtime/fake.ts';
import {
  assigned,
  ends,
  exited,
  killed,
  type Simulation,
  type SimulationOptions,
  simulate,
} from './testing/unitSimulation.ts';
import { UnitRegistry } from './unitRegistry.ts';

interface Machine extends Simulation {
  registry: UnitRegistry;
  /** Gives all units these wishes, in one assignment. */
  wish(wishes: Record<string, 'launched' | 'loaded' | 'restart' | 'gone'>): Promise<void>;
  /** `db activating (start-pre)` each, since the last call. */
  told(): string[];
  last(name: string): UnitReport | undefined;
  running(): string[];
}

const bootId = 'b'.repeat(32);

function machine(
  files: Record<string, string>,
  { names = {}, ...options }: SimulationOptions & { names?: Record<string, string> } = {},
): Machine {
  const simulation = simulate(options);
  const { clock, host } = simulation;
  const news: string[] = [];
  const lasts = new Map<string, UnitReport>();
  const registry = new UnitRegistry({
    runtimes: { process: createFakeRuntime(host), docker: null },
    leases: new LeaseKeeper({ clock }),
    clock,
    facts: { hostname: 'h', machineId: 'm'.repeat(32), bootId, kernelRelease: '6' },
    given: () => ({}),
    onReport: (report) => {
      news.push(`${report.unit.replace('.service', '')} ${report.active} (${report.sub})`);
      lasts.set(report.unit, report);
    },
    ...{ onActive: () => undefined, onForget: () => undefined, onChange: () => undefined, onError: () => undefined },
  });
  let version = 0;
  const units = new Map<string, AssignedUnit>();
  const next = (name: string, wish: 'launched' | 'loaded' | 'restart' | 'gone') => {
    const unit =
      units.get(name) ?? assigned(files[name] ?? '', { name: names[name] ?? `${name}.service`, desired: 'loaded' });
    if (wish === 'gone') return void units.delete(name);
    const restart = wish === 'restart' ? version : unit.restart;
    units.set(name, { ...unit, desired: wish === 'restart' ? 'launched' : wish, goal: version, restart });
  };
  return {
    ...simulation,
    registry,
    wish(wishes) {
      version += 1;
      for (const [name, wish] of Object.entries(wishes)) next(name, wish);
      registry.apply({ machine: 'm1', cluster: 'c1', session: 's1', version, units: [...units.values()] });
      return clock.advance(0);
    },
    told: () => news.splice(0),
    last: (name) => lasts.get(`${name}.service`),
    running: () => host.running().map(({ unit }) => unit.replace('.service', '')),
  };
}

const db = '[Service]\nExecStartPre=/prepare\nExecStart=/main\nExecStop=/stop\n';
const web = (...lines: string[]) =>
  `${['[Unit]', 'After=db.service', ...lines, ''].join('\n')}[Service]\nExecStart=/main web\n`;
const slowly = { '/prepare': ends(exited(0), 5_000), '/stop': ends(exited(0), 5_000) };

describe('units that are ordered', { timeout: 30_000 }, () => {
  it('start one after the other, and say what they wait for', async () => {
    const { wish, clock, told, last, running } = machine({ db, web: web('Requires=db.service') }, { commands: slowly });
    await wish({ web: 'launched', db: 'launched' });
    assert.equal(last('web')?.reason, 'waiting for db.service, which is activating (start-pre)');
    assert.deepEqual(told().slice(-2), ['web activating (waiting)', 'db activating (start-pre)'].sort());
    await clock.advance(5_000);
    assert.deepEqual(running(), ['db', 'web']);
  });

  it('stop the other way round, and both for a restart before either starts', async () => {
    const { wish, clock, ran, running } = machine({ db, web: web() }, { commands: slowly });
    await wish({ web: 'launched', db: 'launched' });
    await clock.advance(5_000);
    ran.splice(0);
    await wish({ web: 'restart', db: 'restart' });
    await clock.advance(10_000);
    assert.deepEqual(
      [ran, running()],
      [
        ['/stop', '/prepare', '/main', '/main web'],
        ['db', 'web'],
      ],
    );
    await wish({ web: 'loaded', db: 'loaded' });
    await clock.advance(20_000);
    assert.deepEqual(running(), []);
  });

  it('stop that way too when they leave the machine', async () => {
    const stops = '[Service]\nExecStart=/main\nExecStop=/stop';
    const files = { db: `${stops} db\n`, web: `[Unit]\nAfter=db.service\n${stops} web\n` };
    const { wish, clock, ran, registry } = machine(files, { commands: slowly });
    await wish({ web: 'launched', db: 'launched' });
    ran.splice(0);
    const drained = registry.drain('the node stops');
    await clock.advance(20_000);
    await drained;
    assert.deepEqual(ran, ['/stop web', '/stop db']);
  });
});

describe('a unit that requires another', { timeout: 30_000 }, () => {
  const files = { db: `${db}RestartSec=1\n`, web: web('Requires=db.service') };

  it('does not start when that fails, for that reason, and does once that is up after all', async () => {
    const { wish, clock, last, behave, running } = machine(files, { commands: { '/prepare': ends(exited(1)) } });
    await wish({ web: 'launched', db: 'launched' });
    const { active, sub, result, reason } = last('web') ?? {};
    assert.deepEqual([active, sub, result], ['inactive', 'dead', 'dependency']);
    assert.equal(reason, 'db.service, which it requires, is failed (failed)');
    behave({});
    await wish({ db: 'restart' });
    await clock.advance(0);
    assert.deepEqual(running(), ['db', 'web']);
  });

  it('runs on when that ends by itself', async () => {
    const { wish, host, clock, running } = machine(files);
    await wish({ web: 'launched', db: 'launched' });
    host.end('db.service', killed('SIGSEGV'));
    await clock.advance(60_000);
    assert.deepEqual(running(), ['web']);
  });

  it('waits on under the next agent, which finds what runs', async () => {
    const first = machine(files, { commands: slowly });
    await first.wish({ web: 'launched', db: 'launched' });
    const memory = first.registry.memory();
    first.registry.abandon();
    const second = machine(files, { earlier: first });
    second.registry.recover(memory);
    await second.clock.advance(0);
    assert.match(second.last('web')?.reason ?? '', /^waiting for db\.service/);
    await second.clock.advance(10_000);
    assert.deepEqual(second.running(), ['db', 'web']);
  });
});

describe('a unit that is bound to another', { timeout: 30_000 }, () => {
  const files = { db: '[Service]\nExecStart=/main\nRestart=always\nRestartSec=10\n', web: web('BindsTo=db.service') };

  it('stops when that ends, however, and comes back with it', async () => {
    const { wish, host, clock, last, running } = machine(files);
    await wish({ web: 'launched', db: 'launched' });
    host.end('db.service', killed('SIGSEGV'));
    await clock.advance(1_000);
    assert.deepEqual(running(), []);
    assert.match(last('web')?.reason ?? '', /db\.service, which is activating \(auto-restart\)/);
    await clock.advance(10_000);
    assert.deepEqual(running(), ['db', 'web']);
  });

  it('does not come back when a stop was asked for meanwhile', async () => {
    const { wish, host, clock, running } = machine(files);
    await wish({ web: 'launched', db: 'launched' });
    host.end('db.service', killed('SIGSEGV'));
    await clock.advance(1_000);
    await wish({ web: 'loaded' });
    await clock.advance(60_000);
    assert.deepEqual(running(), ['db']);
  });
});

describe('a unit that upholds another', { timeout: 30_000 }, () => {
  const web = '[Unit]\nUpholds=job.service\n[Service]\nExecStart=/main\n';

  it('starts it again whenever it has ended, within its start limit', async () => {
    const job = '[Unit]\nStartLimitBurst=3\n[Service]\nType=oneshot\nExecStart=/once\n';
    const { wish, clock, ran, last } = machine({ web, job }, { commands: { '/once': ends(exited(0), 100) } });
    await wish({ web: 'launched', job: 'launched' });
    await clock.advance(60_000);
    assert.equal(ran.filter((line) => line === '/once').length, 3);
    assert.equal(last('job')?.result, 'start-limit-hit');
  });

  it('starts what that requires with it, which has ended too', async () => {
    const job =
      '[Unit]\nRequires=db.service\nAfter=db.service\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n[Service]\nExecStart=/job\n';
    const once = '[Service]\nType=oneshot\nExecStart=/once\n';
    const commands = { '/once': ends(exited(0), 100), '/job': ends(exited(0), 5_000) };
    const started = async (wishes: Record<string, 'launched' | 'loaded'>[]) => {
      const { wish, clock, ran } = machine({ web, job, db: once }, { commands });
      for (const each of wishes) {
        await wish(each);
        await clock.advance(1_000);
      }
      await clock.advance(60_000);
      return ran.filter((line) => line !== '/main');
    };
    const all = { web: 'launched', job: 'launched', db: 'launched' } as const;
    // The last start is one too many for its limit, not for what it requires.
    assert.deepEqual(await started([all]), ['/once', '/job', '/once', '/job', '/once']);
    // What somebody has stopped is not started by that.
    assert.deepEqual(await started([all, { ...all, db: 'loaded' }]), ['/once', '/job']);
  });
});

describe('a unit that a timer starts', { timeout: 30_000 }, () => {
  it('starts what it requires, and after it', async () => {
    const timer = '[Timer]\nOnActiveSec=10\nUnit=web.service\n';
    const units = { db, web: web('Requires=db.service'), timer };
    const { wish, clock, running, last } = machine(units, { commands: slowly, names: { timer: 'web.timer' } });
    await wish({ db: 'loaded', web: 'loaded', timer: 'launched' });
    await clock.advance(11_000);
    assert.equal(last('web')?.reason, 'waiting for db.service, which is activating (start-pre)');
    await clock.advance(5_000);
    assert.deepEqual(running(), ['db', 'web']);
  });
});
