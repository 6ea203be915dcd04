import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fold, given } from '../../test/support/deciderSpec.ts';
import { joined, machineFacts, placed, submission, submitted } from '../../test/support/samples.ts';
import type { ClusterEvent } from './events.ts';

const lost: ClusterEvent = { type: 'MachineLost', machine: 'm1', reason: 'silent' };
const forget = (...machines: string[]) => ({ type: 'ForgetMachines', machines, reason: 'burnt' }) as const;
const forgotten: ClusterEvent = { type: 'MachineForgotten', machine: 'm1', reason: 'burnt' };

describe('forgetting a machine', () => {
  test('is for those that are lost or have left, and for what is left of others', () => {
    given(joined('m1'), lost).when(forget('m1')).leadsTo(forgotten);
    given(joined('m1'), { type: 'MachineLeft', machine: 'm1', reason: '' }).when(forget('m1')).leadsTo(forgotten);
    const cordoned: ClusterEvent = { type: 'MachineCordoned', machine: 'm1', reason: '', drain: 'no' };
    given(joined('m1'), lost, forgotten, cordoned).when(forget('m1', 'm1')).leadsTo(forgotten);
  });

  test('is refused for one that is alive, and for one that nobody knows; then no other one is forgotten either', () => {
    given(joined('m1'), lost, joined('m2'))
      .when(forget('m1', 'm2'))
      .isRefused('machine-alive', /stop their nodes first/, ['^m2 \\(m2\\) is ready']);
    given(joined('m1'), lost)
      .when(forget('m1', 'm3'))
      .isRefused('machine-not-found', /no such machine/, ['^m3']);
  });

  test('leaves nothing of it, so that it joins as a new one', () => {
    const cordoned: ClusterEvent = { type: 'MachineCordoned', machine: 'm1', reason: '', drain: 'one-by-one' };
    const changed: ClusterEvent = { type: 'MachineMetadataChanged', machine: 'm1', metadata: { zone: 'x' } };
    const state = fold([joined('m1'), cordoned, changed, lost, forgotten]);
    assert.deepEqual([state.machines.size, state.cordons.size, state.metadata.size], [0, 0, 0]);
    given(joined('m1'), changed, lost, forgotten)
      .when({ type: 'JoinMachine', ...machineFacts('m1') })
      .leadsTo(joined('m1'));
  });
});

describe('a machine that starts again as another', () => {
  const needs = (metadata: Record<string, string>, runtimes: string[] = []) => ({
    metadata: Object.entries(metadata).map(([key, value]) => ({ key, values: [value] })),
    runtimes,
  });
  const runs = (unit: string, placement: Parameters<typeof submission>[1]): ClusterEvent[] => [
    submitted(submission(unit, placement)),
    { type: 'UnitLaunchRequested', unit },
    placed(unit, 'm1'),
  ];
  const before = joined('m1', { metadata: { zone: 'x' }, runtimes: ['process', 'docker'] });
  const units = [
    ...runs('any.service', {}),
    ...runs('zoned.service', needs({ zone: 'x' })),
    ...runs('docker.service', needs({}, ['docker'])),
  ];
  const evicted = (unit: string, why: string): ClusterEvent => {
    return { type: 'UnitEvicted', unit, machine: 'm1', reason: `machine m1 came back as another: ${why}` };
  };

  test('loses the units that do not fit any more, each with the reason', () => {
    const again = machineFacts('m1', { session: 'm1-2', metadata: { zone: 'y' } });
    given(before, ...units)
      .when({ type: 'JoinMachine', ...again })
      .leadsTo(
        { type: 'MachineJoined', ...again },
        evicted('docker.service', 'no docker runtime'),
        evicted('zoned.service', 'metadata zone is not x'),
      );
  });

  test('keeps what fits, also by what was set at run time', () => {
    const again = machineFacts('m1', { session: 'm1-2', metadata: { zone: 'y' }, runtimes: ['process', 'docker'] });
    const set: ClusterEvent = { type: 'MachineMetadataChanged', machine: 'm1', metadata: { zone: 'x', disk: 'ssd' } };
    const moved: ClusterEvent = { type: 'MachineMetadataChanged', machine: 'm1', metadata: { zone: 'w' } };
    given(before, moved, set, ...units)
      .when({ type: 'JoinMachine', ...again })
      .leadsTo({ type: 'MachineJoined', ...again });
  });
});
