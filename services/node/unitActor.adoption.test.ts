import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import {
  assigned,
  ends,
  exited,
  type SimulatedUnit,
  type SimulationOptions,
  simulateUnit,
} from './testing/unitSimulation.ts';

const simple = '[Service]\nExecStart=/main\nExecStop=/stop\n';
const longMs = 3_600_000;

/** A unit whose agent was killed when it had come up. */
async function left(
  text: string,
  options: SimulationOptions = {},
  changes: Partial<AssignedUnit> = {},
): Promise<SimulatedUnit> {
  const unit = simulateUnit(text, { ...options, assigned: changes });
  await unit.clock.advance(0);
  unit.unit.abandon();
  return unit;
}

interface Known {
  assigned?: Partial<AssignedUnit>;
  rest?: UnitReport;
}

/** The next agent's actor of that unit. */
async function next(text: string, earlier: SimulatedUnit, { assigned = {}, rest }: Known = {}): Promise<SimulatedUnit> {
  const unit = simulateUnit(text, { earlier, assigned, input: { rest: rest ?? null, mayRun: true } });
  await unit.clock.advance(1);
  return unit;
}

describe('a unit that an earlier agent started', { timeout: 20_000 }, () => {
  it('is told the id of its activation when it stops, and reports it to who is to know', async () => {
    const text = `[Unit]\nOnFailure=b.service\n${simple}`;
    const earlier = simulateUnit(text, { input: { newInvocation: () => 'first' } });
    await earlier.clock.advance(0);
    earlier.unit.abandon();
    const unit = simulateUnit(text, { earlier, input: { mayRun: true, newInvocation: () => 'second' } });
    await unit.clock.advance(0);
    assert.equal(unit.last()?.invocation, 'first');
    unit.wish('loaded');
    await unit.clock.advance(0);
    assert.deepEqual(
      unit.environments.map((environment) => environment.INVOCATION_ID),
      ['first', 'first'],
    );
  });

  it('goes on as the same process, and is reported once', async () => {
    const unit = await next(simple, await left(simple));
    await unit.clock.advance(longMs);
    assert.deepEqual(unit.told(), ['active running success 1']);
    assert.deepEqual(unit.ran, ['/main']);
    assert.equal(unit.last()?.pid, unit.host.running()[0]?.pid);
    assert.match(unit.last()?.reason ?? '', /adopted/);
  });

  it('and that has ended since is reported as it ended, and restarted as Restart= says', async () => {
    for (const [restart, end] of [
      ['no', 'failed failed exit-code 1'],
      ['on-failure', 'active running success 1'],
    ] as const) {
      const text = `${simple}Restart=${restart}\n`;
      const earlier = await left(text);
      earlier.host.end('a.service', exited(4));
      const unit = await next(text, earlier);
      await unit.clock.advance(longMs);
      assert.equal(unit.told().at(-1), end);
    }
  });

  it('and that was lost with the machine is started again, whatever Restart= says', async () => {
    const earlier = await left(simple);
    earlier.host.reboot();
    const unit = await next(simple, earlier);
    await unit.clock.advance(longMs);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });

  it('and that was lost with the machine waits, whatever Restart= says, for its copy that has been moved here', async () => {
    const text = `${simple}Restart=always\n`;
    const earlier = await left(text);
    earlier.host.reboot();
    const unit = await next(text, earlier, { assigned: { awaits: 'm2' } });
    await unit.clock.advance(longMs);
    assert.deepEqual(
      [unit.ran.filter((path) => path === '/main').length, unit.told().at(-1)],
      [1, 'activating waiting lost 1'],
    );
    const { awaits: _, ...assignment } = unit.unit.assigned;
    unit.unit.setGoal(assignment);
    await unit.clock.advance(longMs);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });

  it('is stopped when it is no longer wished', async () => {
    const unit = await next(simple, await left(simple), { assigned: { desired: 'loaded', goal: 2 } });
    await unit.clock.advance(longMs);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/stop'], 'inactive dead success 2']);
    assert.deepEqual(unit.host.running(), []);
  });

  it('is restarted when that was asked for while no agent looked, and only then', async () => {
    const placedAnew = await next(simple, await left(simple), { assigned: { token: 8, goal: 8 } });
    await placedAnew.clock.advance(longMs);
    assert.deepEqual(placedAnew.ran, ['/main']);
    const restarted = await next(simple, await left(simple), { assigned: { restart: 9, goal: 9 } });
    await restarted.clock.advance(longMs);
    assert.deepEqual(
      [restarted.ran, restarted.told().at(-1)],
      [['/main', '/stop', '/main'], 'active running success 9'],
    );
    assert.equal(restarted.host.running()[0]?.token, 9);
    const restartedBefore = await next(simple, restarted, { assigned: { restart: 9, goal: 9 } });
    await restartedBefore.clock.advance(longMs);
    assert.equal(restartedBefore.ran.length, 3);
    const learnsOfItLater = await next(simple, restartedBefore);
    learnsOfItLater.unit.setGoal({ ...learnsOfItLater.unit.assigned, restart: 9, goal: 9 });
    await learnsOfItLater.clock.advance(longMs);
    assert.equal(learnsOfItLater.ran.length, 3);
  });

  it('is given up without a trace when it is no longer assigned', async () => {
    const unit = simulateUnit(simple, { earlier: await left(simple), input: { mayRun: true } });
    unit.unit.retire('no longer assigned here');
    await unit.clock.advance(longMs);
    assert.equal(unit.gone(), true);
    assert.equal(unit.host.units.has('a.service'), false);
  });

  it('is not touched while its runtime cannot tell whether it runs', async () => {
    const earlier = await left(simple);
    const { host } = earlier;
    // The runtime asks for the unit's traces to adopt it.
    const units = host.units;
    const broken = new Map();
    broken.get = () => {
      throw new Error('the engine does not answer');
    };
    Object.assign(host, { units: broken });
    const unit = simulateUnit(simple, { earlier, input: { mayRun: true } });
    await unit.clock.advance(60_000);
    assert.deepEqual(unit.told(), ['activating condition success 1']);
    assert.equal(unit.last()?.reason, 'the engine does not answer');
    Object.assign(host, { units });
    await unit.clock.advance(1_000);
    assert.equal(unit.told().at(-1), 'active running success 1');
    assert.deepEqual(unit.ran, ['/main']);
  });

  it('goes on with the other commands when it is a oneshot', async () => {
    const text = '[Service]\nType=oneshot\nExecStart=/one\nExecStart=/two\nRemainAfterExit=yes\n';
    const earlier = await left(text, { commands: { '/one': ends(exited(0), 5_000) } });
    const unit = await next(text, earlier);
    assert.deepEqual(unit.told(), ['activating start success 1']);
    await unit.clock.advance(5_000);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/one', '/two'], 'active exited success 1']);
  });
});

describe('a unit that an earlier agent started without having written that down', { timeout: 20_000 }, () => {
  const restAt = (goal: number): UnitReport => ({
    ...{ unit: 'a.service', hash: assigned(simple).hash, goal, load: 'loaded' },
    ...{ active: 'failed', sub: 'failed', result: 'exit-code', exit: { code: 4 }, reason: 'main process exited' },
  });
  const stopped = { desired: 'loaded', goal: 2 } as const;

  async function startedAt(goal: number, text = simple): Promise<SimulatedUnit> {
    return left(text, {}, { goal });
  }

  it('is taken up, and is what the next start wishes', async () => {
    const unit = await next(simple, await startedAt(3), { assigned: stopped, rest: restAt(2) });
    assert.deepEqual(unit.told(), ['active running success 2']);
    unit.wish('launched');
    await unit.clock.advance(longMs);
    assert.deepEqual([unit.ran, unit.told()], [['/main'], ['active running success 3']]);
  });

  it('is stopped when that is wished next', async () => {
    const unit = await next(simple, await startedAt(3), { assigned: stopped, rest: restAt(2) });
    unit.unit.setGoal({ ...unit.unit.assigned, goal: 4 });
    await unit.clock.advance(longMs);
    assert.deepEqual([unit.told().at(-1), unit.host.running()], ['inactive dead success 4', []]);
  });

  it('and has ended since is not: what came to the rest that is known may have left the same traces', async () => {
    const earlier = await startedAt(3);
    earlier.host.end('a.service', exited(0));
    const unit = await next(simple, earlier, { assigned: stopped, rest: restAt(2) });
    assert.deepEqual(unit.reports, [restAt(2)]);
  });

  it('is not mistaken for what a stop has let run on', async () => {
    const text = `${simple}SendSIGKILL=no\n`;
    const rest = { ...restAt(2), hash: assigned(text).hash };
    const unit = await next(text, await startedAt(2, text), { assigned: stopped, rest });
    assert.deepEqual(unit.reports, [rest]);
  });

  it('is at rest as far as is known while its runtime cannot tell, and is not started beside itself', async () => {
    const earlier = await startedAt(3);
    const { host } = earlier;
    const { units } = host;
    const broken = new Map();
    broken.get = () => {
      throw new Error('the engine does not answer');
    };
    Object.assign(host, { units: broken });
    const unit = await next(simple, earlier, { assigned: stopped, rest: restAt(2) });
    assert.deepEqual(unit.told(), ['failed failed exit-code 2']);
    unit.wish('launched');
    assert.deepEqual(unit.told(), ['activating condition exit-code 3']);
    Object.assign(host, { units });
    await unit.clock.advance(1_001);
    assert.deepEqual([unit.ran, unit.told()], [['/main'], ['active running success 3']]);
  });
});

describe('a unit without traces', { timeout: 20_000 }, () => {
  it('is started when it is wished', async () => {
    const unit = simulateUnit(simple, { input: { mayRun: true } });
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });

  const cases = [
    ['dead', simple, exited(0)],
    ['failed', simple, exited(6)],
    ['dead, its condition not met,', `${simple}ExecCondition=/condition\n`, exited(1)],
    ['exited', `${simple}RemainAfterExit=yes\n`, exited(0)],
  ] as const;
  for (const [how, text, exit] of cases) {
    it(`and that was ${how} when the earlier agent ended stays so, with all that is known of it`, async () => {
      const commands = { '/main': ends(exit), '/condition': ends(exit) };
      const earlier = await left(text, { commands });
      const rest = earlier.last();
      assert.ok(rest);
      const ranBefore = [...earlier.ran];
      const unit = await next(text, earlier, { rest });
      await unit.clock.advance(longMs);
      assert.deepEqual(unit.reports, [rest]);
      assert.deepEqual(unit.ran, ranBefore);
    });
  }

  it('and that was up without a process is stopped with ExecStop=', async () => {
    const text = `${simple}RemainAfterExit=yes\n`;
    const earlier = await left(text, { commands: { '/main': ends(exited(0)) } });
    const rest = earlier.last();
    assert.equal(rest?.sub, 'exited');
    const unit = await next(text, earlier, rest ? { rest } : {});
    unit.wish('loaded');
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/stop'], 'inactive dead success 2']);
  });

  it('and that was at rest is started when that is wished anew', async () => {
    const earlier = await left(simple, { commands: { '/main': ends(exited(6)) } });
    const rest = earlier.last();
    earlier.behave({});
    const unit = await next(simple, earlier, { assigned: { goal: 5 }, ...(rest ? { rest } : {}) });
    assert.equal(unit.told().at(-1), 'active running success 5');
  });
});
