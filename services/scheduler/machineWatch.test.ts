import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { MachineWatch } from './machineWatch.ts';

/** Watches over m1, which was heard just now, on links on which a message takes so long. */
function watch(t: TestContext, linkMs: number) {
  const clock = createSimulatedClock(0);
  const carriage = { knows: () => true, travel: () => [linkMs] };
  const bus = createMemoryNetwork({ clock, carriage }).connect();
  const silences: number[] = [];
  const onSilence = () => silences.push(...made.silences().map(({ silentMs }) => silentMs));
  const made: MachineWatch = new MachineWatch({ bus, clock, timeoutMs: 2_000, machines: () => ['m1'], onSilence });
  t.after(() => made.end());
  made.heard('m1');
  return { clock, silences };
}

test('a machine is silent after the timeout, once the scheduler has heard itself', async (t) => {
  const { clock, silences } = watch(t, 10);
  await clock.advance(2_100);
  assert.deepEqual(silences, []);
  await clock.advance(10);
  assert.deepEqual(silences, [2_110]);
});

test('where the scheduler hears itself slowly, heartbeats may come as slowly', async (t) => {
  const { clock, silences } = watch(t, 400);
  await clock.advance(2_900);
  assert.deepEqual(silences, []);
  await clock.advance(800);
  assert.equal(silences.length > 0, true);
});

test('where the scheduler does not hear itself, everybody gets a fresh full timeout', async (t) => {
  const { clock, silences } = watch(t, 1_600);
  await clock.advance(20_000);
  assert.deepEqual(silences, []);
});
