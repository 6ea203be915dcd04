import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EventType } from '../../shared/domain/events.ts';
import { decodeCommit } from '../../shared/protocol/commit.ts';
import { replayGolden } from './replay.ts';
import { type GoldenRecord, tellStory } from './scenario.ts';

const read = (name: string) => readFile(join(import.meta.dirname, name), 'utf8');
const records: GoldenRecord[] = (await read('events.jsonl'))
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

const everyType: Record<EventType, true> = {
  LeaderElected: true,
  MachineJoined: true,
  MachineMetadataChanged: true,
  MachineCordoned: true,
  MachineUncordoned: true,
  MachineDrained: true,
  MachineForgotten: true,
  RolloutStarted: true,
  RolloutStepped: true,
  RolloutUnitsWell: true,
  RolloutTurned: true,
  RolloutEnded: true,
  RebalanceStarted: true,
  RebalanceEnded: true,
  MachineLost: true,
  MachineLeft: true,
  UnitSubmitted: true,
  UnitDestroyed: true,
  UnitLaunchRequested: true,
  UnitLoadRequested: true,
  UnitUnloadRequested: true,
  UnitRestartRequested: true,
  UnitReloadRequested: true,
  UnitTriggered: true,
  UnitPlaced: true,
  UnitEvicted: true,
  UnitAwaitEnded: true,
  UnitLeaseEnded: true,
  UnitMayReturn: true,
  UnitFailsNoMore: true,
  UnitLeftWaiting: true,
  NodeSynced: true,
  UnitStateReported: true,
  UnitStateForgotten: true,
  UnitCommandRun: true,
};

test('a recorded history leads to the recorded state, byte for byte', async () => {
  const why =
    'old histories must lead to the same state for ever; if this one must change, say so with test/golden/record.ts';
  assert.equal(replayGolden(records), await read('state.json'), why);
});

test('every kind of event is part of the recorded history', () => {
  const types = records.flatMap(({ data }) =>
    decodeCommit(new TextEncoder().encode(data)).events.map(({ type }) => type),
  );
  assert.deepEqual([...new Set(types)].sort(), Object.keys(everyType).sort());
});

test('the story that was recorded is told the same way twice', async () => {
  assert.deepEqual(await tellStory(), await tellStory());
});
