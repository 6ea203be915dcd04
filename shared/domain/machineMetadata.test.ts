import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold, given } from '../../test/support/deciderSpec.ts';
import { joined, machineFacts, placed, submission, submitted } from '../../test/support/samples.ts';
import type { ClusterEvent } from './events.ts';
import { withOverrides } from './machineMetadata.ts';
import { restoreState, serializeState } from './serializeState.ts';

const changed = (machine: string, metadata: Record<string, string>): ClusterEvent => ({
  type: 'MachineMetadataChanged',
  machine,
  metadata,
});
const inZoneA = joined('m1', { metadata: { zone: 'a', disk: 'ssd' } });
const left: ClusterEvent = { type: 'MachineLeft', machine: 'm1', reason: 'SIGTERM' };

test('keys are added, changed and taken away, in the order of the changes, one event a machine', () => {
  given(inZoneA, joined('m2'))
    .when({
      type: 'ChangeMachineMetadata',
      changes: [
        { machine: 'm1', key: 'zone', value: 'b' },
        { machine: 'm2', key: 'rack', value: '7' },
        { machine: 'm1', key: 'disk', value: null },
        { machine: 'm1', key: 'zone', value: 'c' },
      ],
    })
    .leadsTo(changed('m1', { zone: 'c' }), changed('m2', { rack: '7' }));
});

test('what is so already, or gone already, leads to nothing', () => {
  given(inZoneA)
    .when({
      type: 'ChangeMachineMetadata',
      changes: [
        { machine: 'm1', key: 'zone', value: 'a' },
        { machine: 'm1', key: 'rack', value: null },
      ],
    })
    .leadsTo();
});

test('what was changed outlasts the absence of the machine, and what its node says then', () => {
  const state = fold([inZoneA, changed('m1', { zone: 'b' }), left, inZoneA]);
  assert.deepEqual(state.machines.get('m1')?.metadata, { zone: 'b' });
  const restored = restoreState(serializeState(fold([inZoneA, changed('m1', { zone: 'b' }), left])));
  assert.deepEqual(restored.metadata.get('m1'), { zone: 'b', disk: null });
});

test('a machine may be given metadata before it is known', () => {
  const state = fold([changed('m1', { rack: '1' }), inZoneA]);
  assert.deepEqual(state.machines.get('m1')?.metadata, { disk: 'ssd', rack: '1', zone: 'a' });
});

test('the same node that joins again with what it said before changes nothing', () => {
  const facts = machineFacts('m1', { metadata: { zone: 'a', disk: 'ssd' } });
  given(inZoneA, changed('m1', { zone: 'b' }))
    .when({ type: 'JoinMachine', ...facts })
    .leadsTo();
});

test('units that do not fit any more wish another place, with the reason; the others stay', () => {
  const picky = submission('picky.service', { metadata: [{ key: 'zone', values: ['a'] }] });
  const state = fold([
    inZoneA,
    submitted(picky),
    { type: 'UnitLaunchRequested', unit: 'picky.service' },
    placed('picky.service', 'm1'),
    submitted(submission('any.service')),
    { type: 'UnitLaunchRequested', unit: 'any.service' },
    placed('any.service', 'm1'),
    changed('m1', { zone: 'b' }),
  ]);
  assert.deepEqual([...state.pending.entries()], [['picky.service', 'machine m1 was changed: metadata zone is not a']]);
});

test('whatever was changed, a machine that comes again has the metadata that it had', () => {
  const metadata = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), { noNullPrototype: true });
  fc.assert(
    fc.property(metadata, fc.array(metadata, { maxLength: 4 }), (own, later) => {
      const join = joined('m1', { metadata: own });
      const before = fold([join, ...later.map((next) => changed('m1', next))]);
      const after = fold([join, ...later.map((next) => changed('m1', next)), left, join]);
      const expected = before.machines.get('m1')?.metadata;
      assert.deepEqual(after.machines.get('m1')?.metadata, expected);
      assert.deepEqual(withOverrides(own, after.metadata.get('m1')), expected);
    }),
  );
});
