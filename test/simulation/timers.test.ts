/** Timers go on while schedulers and agents die: they elapse once at each of their times, wherever they are. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PlayedWorld } from './playedCluster.ts';

const periodMs = 10_000;
const timer = '[Timer]\nOnCalendar=*:*:0/10\nAccuracySec=1us\n';
const service = '[Service]\nType=oneshot\nExecStart=/bin/false\n';

async function startTimer(cluster: PlayedWorld): Promise<void> {
  await cluster.demand({ type: 'LoadUnits', units: [{ name: 'tick.service', text: service }] });
  await cluster.demand({ type: 'StartUnits', units: [{ name: 'tick.timer', text: timer }] });
  await cluster.until('the timer waits', () => machineOfTimer(cluster) !== undefined);
}

function machineOfTimer({ state }: PlayedWorld): string | undefined {
  const [machine] = Object.keys(state.units.get('tick.timer')?.machines ?? {});
  return machine !== undefined && state.reports.get(machine)?.get('tick.timer')?.active === 'active'
    ? machine
    : undefined;
}

/** How often what the timer starts was started at each of its times, by their numbers. */
function startsByTime({ world }: PlayedWorld): Map<number, number> {
  const counts = new Map<number, number>();
  for (const line of world.trace.lines) {
    const [atMs = '', unit, what] = line.split(' ');
    if (unit !== 'tick.service' || what !== 'starts') continue;
    const time = Math.floor(Number(atMs) / periodMs);
    counts.set(time, (counts.get(time) ?? 0) + 1);
  }
  return counts;
}

/** The number of the time that was last. */
function lastTime({ world }: PlayedWorld): number {
  return Math.floor(world.clock.monotonicNow() / periodMs);
}

describe('a timer', () => {
  test('misses nothing, and elapses once at each time, while one leader after the other dies', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await startTimer(cluster);
    const first = lastTime(cluster) + 1;
    for (let deaths = 0; deaths < 6; deaths++) {
      const actor = cluster.state.leader?.id.split('.')[0];
      assert.ok(actor);
      cluster.strike({ do: 'crash', actor, forMs: 8_000 });
      await cluster.passes(13_250);
    }
    const starts = startsByTime(cluster);
    for (let time = first; time < lastTime(cluster); time++) assert.equal(starts.get(time), 1, `time ${time}`);
  });

  test('elapses at no time twice while its agents die just after it', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await startTimer(cluster);
    for (let deaths = 0; deaths < 6; deaths++) {
      const untilNextMs = periodMs - (cluster.world.clock.monotonicNow() % periodMs);
      await cluster.world.clock.advance(untilNextMs + 5 + 40 * deaths);
      const machine = machineOfTimer(cluster);
      assert.ok(machine, 'the timer waits somewhere');
      cluster.strike({ do: 'crash', actor: machine.replace('m', 'node-'), forMs: deaths % 2 === 0 ? 500 : 6_000 });
      await cluster.passes(25_000);
    }
    const starts = startsByTime(cluster);
    assert.ok(starts.size >= 12, `it has elapsed at ${starts.size} times`);
    for (const [time, count] of starts) assert.equal(count, 1, `time ${time}`);
  });
});
