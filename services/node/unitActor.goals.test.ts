import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FakeBehaviour } from './runtime/fakeProcess.ts';
import {
  ends,
  exited,
  killed,
  type SimulatedUnit,
  type SimulationOptions,
  simulateUnit,
} from './testing/unitSimulation.ts';

const simple = '[Service]\nExecStart=/main\n';
const everything = `${simple}
ExecCondition=/condition
ExecStartPre=/pre
ExecStartPost=/post
ExecStop=/stop
ExecStopPost=/stop-post
TimeoutStartSec=20
TimeoutStopSec=10
RestartSec=5
`;
const longMs = 3_600_000;
const hangs: FakeBehaviour = {};

interface Moment {
  text: string;
  options: SimulationOptions;
  arrive(unit: SimulatedUnit): Promise<void>;
}

/** How to get a unit to stand still in each of its states, by the state's name. */
const moments: Record<string, Moment> = {
  condition: at(everything, { '/condition': hangs }),
  'start-pre': at(everything, { '/pre': hangs }),
  start: at(everything, { '/main': { startDelayMs: 5_000 } }),
  'start-post': at(everything, { '/post': hangs }),
  running: at(everything),
  exited: at(`${everything}RemainAfterExit=yes\n`, { '/main': ends(exited(0)) }),
  'auto-restart': at(`${everything}Restart=always\n`, { '/main': ends(exited(1)) }),
  failed: at(everything, { '/main': ends(exited(1)) }),
  dead: at(everything, { '/main': ends(exited(0)) }),
  stop: stopping({ '/stop': hangs }),
  'stop-sigterm': stopping({ '/main': { ignores: ['SIGTERM'] } }),
  'stop-sigkill': stopping({ '/main': { ignores: ['SIGTERM', 'SIGUSR1'] } }, 10_000, 'FinalKillSignal=SIGUSR1\n'),
  'stop-post': stopping({ '/stop-post': hangs }),
};

function at(text: string, commands: Record<string, FakeBehaviour> = {}): Moment {
  return { text, options: { commands }, arrive: ({ clock }) => clock.advance(0) };
}

function stopping(commands: Record<string, FakeBehaviour>, afterMs = 0, lines = ''): Moment {
  const arrive = async (unit: SimulatedUnit) => {
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(afterMs);
  };
  return { text: everything + lines, options: { commands }, arrive };
}

describe('a change of mind', { timeout: 60_000 }, () => {
  for (const [sub, { text, options, arrive }] of Object.entries(moments)) {
    const arrived = async () => {
      const unit = simulateUnit(text, options);
      await arrive(unit);
      assert.equal(unit.last()?.sub, sub);
      return unit;
    };

    it(`to stop is heeded in ${sub}: nothing runs in the end`, async () => {
      const unit = await arrived();
      unit.wish('loaded');
      await unit.clock.advance(longMs);
      assert.ok(['inactive', 'failed'].includes(unit.last()?.active ?? ''));
      assert.equal(unit.host.traces('a.service').controls.size, 0, 'a command still runs');
      // systemd, too, gives up on what withstands its final signal.
      assert.equal(unit.host.running().length, sub === 'stop-sigkill' ? 1 : 0);
    });

    it(`to start is heeded in ${sub}: it runs in the end`, async () => {
      const unit = await arrived();
      // Whatever held it up works from now on.
      unit.behave({});
      unit.wish('loaded');
      unit.wish('launched');
      await unit.clock.advance(longMs);
      assert.equal(unit.last()?.sub, 'running');
      assert.equal(unit.host.running().length, 1);
    });

    it(`to give it up is heeded in ${sub}: no trace of it stays`, async () => {
      const unit = await arrived();
      unit.unit.retire('no longer assigned here');
      assert.equal(unit.unit.retiring, true);
      await unit.clock.advance(longMs);
      assert.equal(unit.gone(), true);
      assert.equal(unit.host.units.has('a.service'), false);
      assert.deepEqual(unit.host.running(), []);
    });
  }
});

type Step = { do: 'launch' | 'load' | 'restart' | 'end' | 'fail' } | { do: 'wait'; ms: number };

const step = fc.oneof(
  fc.record({ do: fc.constantFrom('launch', 'load', 'restart', 'end', 'fail') }),
  fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(0, 1, 50, 1_000, 20_000) }),
) as fc.Arbitrary<Step>;

const slowness = fc.constantFrom(0, 1, 60, 3_000);
/** Commands that take their time, and a main process that may have to be killed. */
const commandsArbitrary = fc
  .tuple(slowness, slowness, slowness, slowness, fc.boolean())
  .map(([pre, start, post, stop, stubborn]) => ({
    '/pre': ends(exited(0), pre),
    '/main': { startDelayMs: start, stopDelayMs: stop, ignores: stubborn ? ['SIGTERM'] : [] },
    '/post': ends(exited(0), post),
    '/stop': ends(exited(0), stop),
  }));

const active = new Set(['start', 'start-post', 'running']);

/** Takes a step; returns whether the unit now ended by itself, was wished to run, or neither. */
async function take(unit: SimulatedUnit, step: Step): Promise<'ended' | 'wished' | null> {
  switch (step.do) {
    case 'launch':
      unit.wish('launched');
      return 'wished';
    case 'load':
      unit.wish('loaded');
      return null;
    case 'restart':
      if (unit.unit.assigned.desired !== 'launched') return null;
      unit.restart();
      return 'wished';
    case 'wait':
      await unit.clock.advance(step.ms);
      return null;
    case 'end':
    case 'fail': {
      // What has just started is heard of first: only then is it known whose end it is.
      await unit.clock.advance(0);
      const isUp = unit.host.running().length > 0 && active.has(unit.last()?.sub ?? '');
      unit.host.end('a.service', step.do === 'end' ? exited(0) : killed('SIGSEGV'));
      await unit.clock.advance(0);
      return isUp ? 'ended' : null;
    }
    default:
      return step satisfies never;
  }
}

const text = `${simple}ExecStartPre=/pre\nExecStartPost=/post\nExecStop=/stop\nTimeoutStopSec=10\n`;

describe('any sequence of wishes and ends', { timeout: 120_000 }, () => {
  it('leads to a unit that runs iff it is wished and did not end by itself since', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), commandsArbitrary, async (steps, commands) => {
        const unit = simulateUnit(text, { commands });
        let hasEnded = false;
        for (const each of steps) {
          const outcome = await take(unit, each);
          if (outcome !== null) hasEnded = outcome === 'ended';
        }
        await unit.clock.advance(longMs);
        const runs = unit.unit.assigned.desired === 'launched' && !hasEnded;
        assert.equal(unit.host.running().length, runs ? 1 : 0);
        assert.equal(unit.last()?.sub === 'running', runs);
        assert.equal(unit.last()?.goal, unit.unit.assigned.goal);
      }),
      { numRuns: 150 },
    );
  });

  it('is reported without repetition, with Restart= too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), commandsArbitrary, async (steps, commands) => {
        const unit = simulateUnit(`${text}Restart=on-failure\n`, { commands });
        for (const each of steps) await take(unit, each);
        await unit.clock.advance(longMs);
        for (const [i, report] of unit.reports.entries()) assert.notDeepEqual(report, unit.reports[i - 1]);
        assert.deepEqual(unit.unit.report(), unit.last());
      }),
      { numRuns: 50 },
    );
  });

  it('can be cut short at any moment by giving the unit up, and nothing of it stays', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), commandsArbitrary, async (steps, commands) => {
        const unit = simulateUnit(`${text}Restart=always\n`, { commands });
        for (const each of steps) await take(unit, each);
        unit.unit.retire('no longer assigned here');
        unit.wish('launched');
        await unit.clock.advance(longMs);
        assert.equal(unit.gone(), true);
        assert.equal(unit.host.units.has('a.service'), false);
      }),
      { numRuns: 100 },
    );
  });
});
