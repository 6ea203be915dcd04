import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../shared/clock/simulatedClock.ts';
import type { UnitDetails } from '../shared/protocol/queries.ts';
import { awaitSteady, awaitUnits, type Wait } from './awaitUnits.ts';
import type { Client } from './client.ts';

type Asked = { units: string[]; timeoutMs: number };

/** A cluster where `stateAt` says how a unit is, and which answers as late as it may while something is unsettled. */
function setUp(stateAt: (unit: string, ms: number) => { active: string; settled: boolean }) {
  const clock = createSimulatedClock(0);
  const asked: Asked[] = [];
  const query = async (body: Asked, { minSeq }: { minSeq: number }) => {
    assert.equal(minSeq, 7);
    asked.push(body);
    const look = () => body.units.map((name) => ({ name, ...stateAt(name, clock.monotonicNow()) }));
    for (let waited = 0; waited < body.timeoutMs && look().some(({ settled }) => !settled); waited += 50) {
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 50));
    }
    const units = look().map(({ name, active, settled }) => ({
      name,
      settled,
      states: [{ active, sub: '', machine: 'm', ip: null }],
    }));
    return { seq: 7, data: { units } };
  };
  const progress: string[] = [];
  const onProgress = (line: string) => progress.push(line);
  const wait: Wait = { names: ['a'], until: 'launched', minSeq: 7, timeoutMs: 10_000, clock, onProgress };
  return { clock, asked, progress, wait, client: { query, activity: async () => 'pulling x' } as unknown as Client };
}

const statesOf = (units: UnitDetails[]) => units.map(({ states }) => states[0]?.active);

test('it waits until every unit has come to rest, and then no longer', async () => {
  const { clock, client, wait, progress } = setUp((unit, ms) => {
    const settled = ms >= (unit === 'a' ? 2_500 : 500);
    return { active: settled ? 'active' : 'activating', settled };
  });
  const found = awaitUnits(client, { ...wait, names: ['a', 'b'] });
  await clock.advance(2_600);
  assert.deepEqual(statesOf(await found), ['active', 'active']);
  assert.match(progress[0] ?? '', /^waiting for a: pulling x on m/);
});

test('when time is up it gives back how things are', async () => {
  const { clock, client, wait } = setUp(() => ({ active: 'activating', settled: false }));
  const found = awaitUnits(client, { ...wait, timeoutMs: 3_000 });
  await clock.advance(3_100);
  assert.deepEqual(
    (await found).map(({ settled }) => settled),
    [false],
  );
});

test('many units are asked about in parts, and come back in their order', async () => {
  const { client, wait, asked } = setUp(() => ({ active: 'active', settled: true }));
  const names = Array.from({ length: 450 }, (_, index) => `u${index}`);
  const found = await awaitUnits(client, { ...wait, names });
  assert.deepEqual(
    found.map(({ name }) => name),
    names,
  );
  assert.deepEqual(
    asked.map(({ units }) => units.length),
    [200, 200, 50],
  );
});

test('a service that runs for an instant only is not taken for running', async () => {
  const { clock, client, wait } = setUp((_, ms) => ({ active: ms < 20 ? 'active' : 'failed', settled: true }));
  const found = awaitSteady(client, wait);
  await clock.advance(1_000);
  assert.deepEqual(statesOf(await found), ['failed']);
});
