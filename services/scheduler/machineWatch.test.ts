import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { MachineWatch } from './machineWatch.ts';
import type { Silence } from './policy/liveness.ts';

/** Watches over machines that were heard just now, on links on which a message takes so long. */
function watchOver(t: TestContext, linkMs: number, ...machines: string[]) {
  const clock = createSimulatedClock(0);
  const carriage = { knows: () => true, travel: () => [linkMs] };
  const bus = createMemoryNetwork({ clock, carriage }).connect();
  const silences: Silence[] = [];
  const watch = new MachineWatch({ bus, clock, timeoutMs: 2_000, machines: () => machines });
  watch.judge(() => silences.push(...watch.silences()));
  t.after(() => watch.end());
  for (const machine of machines) watch.heard(machine);
  return { clock, silences, watch };
}

test('a machine is silent after the timeout, once the scheduler has heard itself', async (t) => {
  const { clock, silences } = watchOver(t, 10, 'm1');
  await clock.advance(2_100);
  assert.deepEqual(silences, []);
  await clock.advance(10);
  assert.deepEqual(silences, [{ machine: 'm1', silentMs: 2_110, allowedMs: 0, startingMs: null }]);
});

test('where the scheduler hears itself slowly, heartbeats may come as slowly', async (t) => {
  const { clock, silences } = watchOver(t, 400, 'm1');
  await clock.advance(2_900);
  assert.deepEqual(silences, []);
  await clock.advance(400);
  assert.deepEqual(silences[0], { machine: 'm1', silentMs: 2_900 + 400, allowedMs: 900, startingMs: null });
});

test('an echo that comes late says nothing of how fast the next one is', async (t) => {
  const { clock, silences, watch } = watchOver(t, 400, 'm1', 'm2');
  await clock.advance(250);
  watch.heard('m2');
  await clock.advance(1_900);
  // The echo for m1 is on its way when m1 is heard, and m2 is the next to be silent.
  watch.heard('m1');
  for (let left = 3_000; left > 0; left -= 500) {
    await clock.advance(500);
    watch.heard('m1');
  }
  assert.ok(silences.length > 0);
  for (const { machine, allowedMs } of silences) assert.deepEqual([machine, allowedMs], ['m2', 900]);
});

test('who is heard again is not silent, whatever was believed before', async (t) => {
  const { clock, silences, watch } = watchOver(t, 10, 'm1');
  await clock.advance(2_110);
  assert.equal(silences.length, 1);
  watch.heard('m1');
  assert.deepEqual(watch.silences(), []);
});

test('where the scheduler does not hear itself, everybody gets a fresh full timeout', async (t) => {
  const { clock, silences } = watchOver(t, 1_600, 'm1');
  await clock.advance(20_000);
  assert.deepEqual(silences, []);
});
