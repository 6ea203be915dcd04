import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { AssignedUnit, Assignment } from '../../../shared/protocol/node.ts';
import { type KnownUnit, type NodeTask, reconcile } from './reconcile.ts';

const unit = (name: string, changes: Partial<AssignedUnit> = {}): AssignedUnit => {
  return { name, text: '', hash: 'h1', desired: 'launched', token: 1, goal: 1, restart: 0, ...changes };
};
const known = (changes: Partial<KnownUnit> = {}): KnownUnit => {
  return { hash: 'h1', goal: 1, token: 1, retiring: false, ...changes };
};
const assign = (...units: AssignedUnit[]): Assignment => ({
  machine: 'm1',
  cluster: 'c1',
  session: 's1',
  version: 9,
  units,
});

const tasksFor = (has: KnownUnit | null, wished: AssignedUnit | null): string[] =>
  reconcile(new Map(has ? [['a.service', has]] : []), assign(...(wished ? [wished] : []))).map(
    ({ type, reason }) => `${type}: ${reason}`,
  );

describe('what a node has to do', () => {
  const a = unit('a.service');
  const cases: [title: string, KnownUnit | null, AssignedUnit | null, string[]][] = [
    ['nothing for a unit that is as it is wished', known(), a, []],
    ['create a unit that it does not have', null, a, ['create: newly assigned']],
    ['retire a unit that it is no longer assigned', known(), null, ['retire: no longer assigned here']],
    ['wait for one that is being retired', known({ retiring: true }), null, []],
    ['wait for it even when it is assigned again', known({ retiring: true }), a, []],
    ['retire a unit that has a new version', known({ hash: 'h0' }), a, ['retire: replaced by a new version']],
    ['tell a unit its new goal', known(), { ...a, goal: 2 }, ['setGoal: its goal changed']],
    ['tell a unit its new placement', known(), { ...a, token: 2 }, ['setGoal: its goal changed']],
    [
      'tell a unit that its copy elsewhere has ended',
      known({ awaits: 'm2' }),
      a,
      ['setGoal: its copy elsewhere has ended, or not yet'],
    ],
    ['leave a unit alone that knows a newer goal', known({ goal: 2, token: 2 }), a, []],
  ];
  for (const [title, has, wished, tasks] of cases) it(title, () => assert.deepEqual(tasksFor(has, wished), tasks));

  it('leads to what is assigned, and to nothing more to do', () => {
    const name = fc.constantFrom('a.service', 'b.service', 'c.service', 'd.service');
    const hash = fc.constantFrom('h1', 'h2');
    const number = fc.integer({ min: 1, max: 3 });
    const has = fc.dictionary(name, fc.record({ hash, goal: number, token: number, retiring: fc.boolean() }));
    const wished = fc.dictionary(name, fc.record({ hash, goal: number, token: number }));
    fc.assert(
      fc.property(has, wished, (before, after) => {
        const state = new Map(Object.entries(before));
        const assignment = assign(...Object.entries(after).map(([each, changes]) => unit(each, changes)));
        // A unit that was retired goes in its own time, here before the next look.
        for (let round = 0; round < 3; round++) {
          for (const task of reconcile(state, assignment)) carryOut(task, state);
          for (const [each, { retiring }] of state) if (retiring) state.delete(each);
        }
        assert.deepEqual([...state.keys()].sort(), Object.keys(after).sort());
        for (const { name: each, hash: wanted, goal, token } of assignment.units) {
          const is = state.get(each);
          assert.equal(is?.hash, wanted);
          assert.ok(is && is.goal >= goal && is.token >= token);
        }
        assert.deepEqual(reconcile(state, assignment), []);
      }),
    );
  });
});

function carryOut(task: NodeTask, state: Map<string, KnownUnit>): void {
  if (task.type === 'retire') {
    const has = state.get(task.name);
    assert.ok(has && !has.retiring, 'only what is there can be retired');
    state.set(task.name, { ...has, retiring: true });
  } else {
    const { name, hash, goal, token } = task.unit;
    state.set(name, { hash, goal, token, retiring: false });
  }
}
