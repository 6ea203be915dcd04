import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evolve } from '../../../shared/domain/cluster.ts';
import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent, Event } from '../../../shared/domain/events.ts';
import { actions, machineIds } from '../../../test/support/arbitraries.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { PlayedCluster } from '../../../test/support/playCluster.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { assignmentOf, touchedBy } from './assignment.ts';

const elected: Event = { type: 'LeaderElected', role: 'scheduler', epoch: 1, leader: 's1', cluster: 'c1' };

test('an assignment has all that a machine is to do, by name', () => {
  const [a, b] = [submission('a.service'), submission('b.service')];
  const state = fold([
    ...[elected, joined('m1'), submitted(b), submitted(a), placed('b.service', 'm1')],
    ...([{ type: 'UnitLaunchRequested', unit: 'a.service' }, placed('a.service', 'm1')] as const),
    { type: 'UnitRestartRequested', unit: 'a.service' },
  ]);
  assert.deepEqual(assignmentOf(state, 'm1', 9), {
    machine: 'm1',
    cluster: 'c1',
    session: 'm1-1',
    version: 9,
    units: [
      {
        name: 'a.service',
        text: a.text,
        hash: a.hash,
        desired: 'launched',
        token: 7,
        goal: 8,
        restart: 8,
        cluster: 'c1',
      },
      {
        name: 'b.service',
        text: b.text,
        hash: b.hash,
        desired: 'inactive',
        token: 5,
        goal: 5,
        restart: 0,
        cluster: 'c1',
      },
    ],
  });
  assert.deepEqual(assignmentOf(state, 'm2', 9), { machine: 'm2', cluster: 'c1', session: '', version: 9, units: [] });
});

function assignments(state: ClusterState): Map<string, string> {
  return new Map(machineIds.map((machine) => [machine, JSON.stringify(assignmentOf(state, machine, 0).units)]));
}

function isOfCluster(event: Event): event is ClusterEvent {
  return event.type !== 'NodeSynced' && event.type !== 'UnitStateReported' && event.type !== 'UnitStateForgotten';
}

test('whatever an event changes in a ready machine’s assignment, it is known to touch it', () => {
  fc.assert(
    fc.property(actions, (history) => {
      const cluster = new PlayedCluster();
      for (const action of history) cluster.act(action);
      const { state } = new PlayedCluster();
      for (const [index, { at, events }] of cluster.commits.entries()) {
        for (const event of events.filter(isOfCluster)) {
          const before = assignments(state);
          const touched = new Set(touchedBy(state, event));
          evolve(state, event, { seq: index + 1, at });
          for (const machine of touchedBy(state, event)) touched.add(machine);
          const after = assignments(state);
          for (const machine of machineIds) {
            if (before.get(machine) !== after.get(machine)) assert.ok(touched.has(machine), `${event.type} ${machine}`);
          }
        }
      }
    }),
  );
});

test('a machine that joins, leaves or is lost is touched, whatever it has to do', () => {
  const state = fold([]);
  for (const type of ['MachineLost', 'MachineLeft'] as const) {
    assert.deepEqual(touchedBy(state, { type, machine: 'm1', reason: '' }), ['m1']);
  }
  assert.deepEqual(touchedBy(state, joined('m1')), ['m1']);
});
