import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { evolve } from '../../../shared/domain/cluster.ts';
import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { Event, NodeEvent } from '../../../shared/domain/events.ts';
import type { Placement } from '../../../shared/domain/unitSpec.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../../test/support/samples.ts';
import { stopLimitMs } from './awaiting.ts';
import { reconcile } from './reconcile.ts';

const web = 'web.service';
const seq = 100;
const three: Event[] = [joined('m1'), joined('m2'), joined('m3')];
const cordoned = (...machines: string[]) =>
  machines.map((machine): Event => ({ type: 'MachineCordoned', machine, reason: '', drain: 'no' }));
const drained: Event = { type: 'MachineCordoned', machine: 'm1', reason: '', drain: 'at-once' };
const unloaded: Event = { type: 'UnitUnloadRequested', unit: web };
const launched: Event = { type: 'UnitLaunchRequested', unit: web };
const gone: NodeEvent = { type: 'UnitStateForgotten', machine: 'm1', unit: web, reason: 'stopped' };
const lost: Event = { type: 'MachineLost', machine: 'm1', reason: 'no heartbeat' };
const told = (machine: string): Event => ({ type: 'UnitStateReported', machine, ...report(web, { goal: 50 }) });
const moved = (machine: string, awaits: string): Event => ({ ...placed(web, machine), awaits }) as Event;
const evicted = (machine: string): Event => ({ type: 'UnitEvicted', unit: web, machine, reason: 'because', move: {} });

function running(placement: Partial<Placement> = {}): Event[] {
  return [...three, submitted(submission(web, placement)), launched, placed(web, 'm1')];
}

/** Where the unit is placed next, and what it awaits there: `m2 after m1`. */
function placeAfter(...events: Event[]): string | null {
  return placeIn(fold(events));
}

function placeIn(state: ClusterState): string | null {
  const options = { includeWaiting: true, maxTasks: 9, moment: { seq, at: seq } };
  const task = reconcile(state, options).find(({ type }) => type === 'UnitPlaced');
  if (task?.type !== 'UnitPlaced') return null;
  return task.awaits === undefined ? task.machine : `${task.machine} after ${task.awaits}`;
}

describe('a unit that is placed anew', () => {
  test('waits for the machine that it leaves', () => {
    assert.equal(placeAfter(...running(), drained), 'm2 after m1');
    assert.equal(placeAfter(...running(), told('m1'), ...cordoned('m1'), evicted('m1')), 'm2 after m1');
  });

  test('waits for that one first, also where another machine tells of a copy', () => {
    const stray = [...running(), told('m3'), told('m1'), ...cordoned('m3')];
    assert.equal(placeAfter(...stray, drained), 'm2 after m1');
  });

  test('waits for no machine that is lost', () => {
    assert.equal(placeAfter(...running(), told('m1'), lost), 'm2');
    assert.equal(placeAfter(...running(), told('m1'), unloaded, lost, launched), 'm2');
  });

  test('waits after it was unloaded, or destroyed, until that machine has said that it is gone', () => {
    const away = [...running(), told('m1'), ...cordoned('m1'), unloaded];
    assert.equal(placeAfter(...away, launched), 'm2 after m1');
    assert.equal(placeAfter(...away, gone, launched), 'm2');
    const again = [{ type: 'UnitDestroyed', unit: web } as const, submitted(submission(web)), launched];
    assert.equal(placeAfter(...away, ...again), 'm2 after m1');
  });

  test('goes on waiting for the first machine when it is moved on before it was started', () => {
    const onTheWay = [...running(), told('m1'), evicted('m1'), moved('m2', 'm1')];
    const on = [...cordoned('m1', 'm2'), evicted('m2')];
    assert.equal(placeAfter(...onTheWay, ...on), 'm3 after m1');
    assert.equal(placeAfter(...onTheWay, told('m2'), ...on), 'm3 after m1');
  });

  test('does not wait for itself where it goes back', () => {
    const back = [...running(), told('m1'), evicted('m1'), moved('m2', 'm1'), ...cordoned('m2', 'm3'), evicted('m2')];
    assert.equal(placeAfter(...back), 'm1');
  });

  test('waits for the machine that it came back to and had to leave again in one commit', () => {
    const replacing: Event[] = [
      submitted(submission('new.service', { replaces: [web], machineId: 'm1' })),
      { type: 'UnitLaunchRequested', unit: 'new.service' },
    ];
    const state = fold([...running(), ...cordoned('m2', 'm3'), evicted('m1'), { ...placed(web, 'm2'), awaits: 'm1' }]);
    const moment = { seq, at: seq };
    for (const event of [evicted('m2'), ...replacing]) evolve(state, event, moment);
    assert.deepEqual(
      reconcile(state, { includeWaiting: true, moment }).map(
        (task) => `${task.type} ${'machine' in task ? task.machine : ''}`,
      ),
      ['UnitPlaced m1', 'UnitPlaced m1', 'UnitEvicted m1', 'UnitLeftWaiting '],
    );
    evolve(state, { type: 'MachineUncordoned', machine: 'm2' }, { seq: seq + 1, at: seq });
    assert.equal(placeIn(state), 'm2 after m1');
  });

  test('waits for nothing where nothing of it runs: a timer, a copy of a global unit, one whose lease has ended', () => {
    assert.equal(placeAfter(...running({ activates: 'job.service' }), drained), 'm2');
    const lease = { graceMs: 1_000, stopMs: 1_000 };
    const ended: Event = { type: 'UnitLeaseEnded', unit: web, machine: 'm1', reason: 'its lease is over' };
    assert.equal(placeAfter(...running({ lease }), told('m1'), ...cordoned('m1'), evicted('m1'), ended), 'm2');
    const everywhere = [...three, submitted(submission(web, { global: true })), launched];
    assert.equal(placeAfter(...everywhere, told('m1')), 'm1');
  });
});

test('whoever waits for a machine that is not there any more does not wait any longer', () => {
  const waiting = [...running(), told('m1'), evicted('m1'), moved('m2', 'm1')];
  const options = { includeWaiting: true, maxTasks: 9, moment: { seq, at: seq } };
  assert.deepEqual(reconcile(fold(waiting), options), []);
  const left: Event = { type: 'MachineLeft', machine: 'm1', reason: 'shut down' };
  for (const [what, state] of [
    [lost, 'lost'],
    [left, 'left'],
  ] as const)
    assert.deepEqual(reconcile(fold([...waiting, what]), options), [
      { type: 'UnitAwaitEnded', unit: web, machine: 'm1', reason: `machine m1 is ${state}` },
    ]);
});

describe('a unit may take to stop', () => {
  const limitOf = (...lines: string[]) => {
    const text = ['[Service]', 'ExecStart=/bin/main', ...lines, ''].join('\n');
    const unit = fold([submitted({ ...submission(web), text })]).units.get(web);
    assert.ok(unit);
    return stopLimitMs(unit);
  };
  test('TimeoutStopSec= for the main process and for what that leaves, and some time to be killed', () => {
    assert.equal(limitOf('TimeoutStopSec=5'), 2 * 5_000 + 10_000);
    const aborts = ['TimeoutStopSec=5', 'TimeoutStopFailureMode=abort'];
    assert.equal(limitOf(...aborts), 3 * 5_000 + 10_000);
    assert.equal(limitOf(...aborts, 'TimeoutAbortSec=1'), 2 * 5_000 + 1_000 + 10_000);
    assert.equal(limitOf(...aborts, 'TimeoutAbortSec=infinity'), null);
    assert.equal(limitOf(), 2 * 90_000 + 10_000);
  });
  test('the same again for each command that is run when it stops', () => {
    assert.equal(limitOf('TimeoutStopSec=5', 'ExecStop=/bin/a', 'ExecStop=/bin/b'), 4 * 5_000 + 10_000);
  });
  test('once more after ExecStopPost=, for a main process that nothing ended', () => {
    assert.equal(limitOf('TimeoutStopSec=5', 'ExecStopPost=/bin/b'), 4 * 5_000 + 10_000);
  });
  test('as long as it takes where it says so', () => {
    assert.equal(limitOf('TimeoutStopSec=infinity'), null);
  });
});
