import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import { commandOf, serviceOf } from '../runtime/runtime.contract.ts';
import type { Exit } from '../runtime/runtime.ts';
import { isCleanExit, type Result, recentStarts, restarts, resultOf, startLimitHit } from './restart.ts';

const exited = (code: number): Exit => ({ kind: 'exited', code });
const killed = (signal: string): Exit => ({ kind: 'killed', signal });
const lost: Exit = { kind: 'lost', reason: 'the machine was restarted' };
const service = (changes: Partial<ServiceSpec> = {}) => serviceOf(commandOf('/main'), changes);

describe('the result of a main process', () => {
  const cases: [Exit, simple: Result, oneshot: Result][] = [
    [exited(0), 'success', 'success'],
    [exited(1), 'exit-code', 'exit-code'],
    [exited(255), 'exit-code', 'exit-code'],
    [killed('SIGHUP'), 'success', 'signal'],
    [killed('SIGINT'), 'success', 'signal'],
    [killed('SIGTERM'), 'success', 'signal'],
    [killed('SIGPIPE'), 'success', 'signal'],
    [killed('SIGKILL'), 'signal', 'signal'],
    [killed('SIGSEGV'), 'signal', 'signal'],
    [lost, 'lost', 'lost'],
  ];
  for (const [exit, simple, oneshot] of cases) {
    it(`that ended by ${JSON.stringify(exit)} is ${simple}, of a oneshot ${oneshot}`, () => {
      assert.equal(resultOf(service(), exit), simple);
      assert.equal(resultOf(service({ type: 'oneshot' }), exit), oneshot);
    });
  }

  it('is success for what SuccessExitStatus= lists, of a oneshot too', () => {
    const lenient = service({ type: 'oneshot', successExitStatus: { codes: [3], signals: ['SIGKILL'] } });
    assert.deepEqual(
      [exited(3), killed('SIGKILL'), exited(4)].map((exit) => resultOf(lenient, exit)),
      ['success', 'success', 'exit-code'],
    );
    assert.equal(isCleanExit(lenient, exited(3)), true);
  });

  it('of a control command is never clean by a signal alone', () => {
    assert.deepEqual([isCleanExit(service(), killed('SIGTERM')), isCleanExit(service(), exited(0))], [false, true]);
  });
});

/** systemd.service(5), table "Exit causes and the effect of the Restart= settings", without the watchdog. */
const table: Record<string, Partial<Record<ServiceSpec['restart'], true>>> = {
  success: { always: true, 'on-success': true },
  'exit-code': { always: true, 'on-failure': true },
  signal: { always: true, 'on-failure': true, 'on-abnormal': true, 'on-abort': true },
  timeout: { always: true, 'on-failure': true, 'on-abnormal': true },
  // Not in the table; in systemd's code a failure that is no exit code.
  resources: { always: true, 'on-failure': true, 'on-abnormal': true },
  'exec-condition': {},
  'start-limit-hit': {},
};
const settings = ['no', 'on-success', 'on-failure', 'on-abnormal', 'on-watchdog', 'on-abort', 'always'] as const;
const exitOf: Record<string, Exit> = { success: exited(0), 'exit-code': exited(1), signal: killed('SIGSEGV') };

describe('Restart=', () => {
  for (const [result, row] of Object.entries(table)) {
    for (const restart of settings) {
      const verdict = row[restart] === true;
      it(`${restart} ${verdict ? 'starts' : 'does not start'} a service again after ${result}`, () => {
        assert.equal(restarts(service({ restart }), result as Result, exitOf[result] ?? null), verdict);
      });
    }
  }

  it('does not matter for a service that was lost', () => {
    for (const restart of settings) assert.equal(restarts(service({ restart }), 'lost', lost), true);
  });

  it('is overruled by RestartForceExitStatus=, and both by RestartPreventExitStatus=', () => {
    const set = { codes: [7], signals: ['SIGUSR1'] };
    for (const exit of [exited(7), killed('SIGUSR1')]) {
      const result = resultOf(service(), exit);
      const forced = { restart: 'no', restartForceExitStatus: set } as const;
      assert.equal(restarts(service(forced), result, exit), true);
      assert.equal(restarts(service({ ...forced, restartPreventExitStatus: set }), result, exit), false);
      assert.equal(restarts(service({ restart: 'always', restartPreventExitStatus: set }), result, exit), false);
    }
    const other = service({ restart: 'always', restartPreventExitStatus: set });
    assert.equal(restarts(other, 'exit-code', exited(8)), true);
  });
});

describe('the start limit', () => {
  const limit = { intervalMs: 10_000, burst: 3 };

  it('allows as many starts as it says within any interval, and not one more', () => {
    const gap = fc.integer({ min: 0, max: 6_000 });
    fc.assert(
      fc.property(fc.array(gap, { maxLength: 60 }), (gaps) => {
        let now = 0;
        let starts: number[] = [];
        const allowed: number[] = [];
        for (const ms of gaps) {
          now += ms;
          const within = allowed.filter((at) => now - at < limit.intervalMs).length;
          assert.equal(startLimitHit(starts, now, limit), within >= limit.burst);
          if (within >= limit.burst) continue;
          allowed.push(now);
          starts = [...recentStarts(starts, now, limit), now];
        }
      }),
    );
  });

  it('is off when either of its numbers is 0', () => {
    const starts = [0, 0, 0, 0, 0];
    assert.equal(startLimitHit(starts, 0, { intervalMs: 0, burst: 3 }), false);
    assert.equal(startLimitHit(starts, 0, { intervalMs: 10_000, burst: 0 }), false);
  });
});
