import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { leaseOverAt } from '../../shared/domain/lease.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';
import { MemorySchedulers } from '../../test/support/memorySchedulers.ts';

const terms = { graceMs: 1_000, stopMs: 2_000 };
const text = [
  ...['[Service]', 'ExecStart=/bin/sleep 100', 'TimeoutStopSec=2'],
  ...['[X-Flotilla]', 'OnDisconnect=stop', 'DisconnectGraceSec=1', ''],
].join('\n');

/** A cluster of one scheduler and two machines, where the unit runs on the first. */
async function cluster(t: TestContext): Promise<MemorySchedulers> {
  const schedulers = new MemorySchedulers(t);
  await schedulers.start('s1');
  await schedulers.join('m1');
  await schedulers.command({ type: 'StartUnits', units: [{ name: 'a.service', text }] });
  await schedulers.join('m2');
  await schedulers.pass(1_000, 'm1', 'm2');
  return schedulers;
}

async function placeOf(schedulers: MemorySchedulers): Promise<string | null> {
  const reply = await schedulers.query({ type: 'ListUnits' });
  assert.ok(reply.ok);
  return reply.data.units[0]?.machine ?? null;
}

describe('a unit that must never run twice', () => {
  test('has its lease renewed by a leader that has just proved that it leads', async (t) => {
    const schedulers = await cluster(t);
    const reply = await schedulers.beat('m1');
    assert.equal(reply.ok && reply.lease, true);
    const other = await schedulers.beat('m2');
    assert.equal(other.ok && other.lease, undefined);
  });

  test('has it renewed by nobody who cannot prove that now', async (t) => {
    const schedulers = await cluster(t);
    schedulers.fences.setAvailable(false);
    await schedulers.pass(3_500, 'm1', 'm2');
    const reply = await schedulers.beat('m1');
    assert.ok(reply.ok);
    assert.equal(reply.lease, undefined);
  });

  test('waits for the end of its lease when its machine is lost, and says so', async (t) => {
    const schedulers = await cluster(t);
    const lastAnswer = schedulers.clock.monotonicNow();
    await schedulers.pass(2_600, 'm2');
    assert.equal(await placeOf(schedulers), null);
    const details = await schedulers.query({ type: 'GetUnits', units: ['a.service'] });
    assert.ok(details.ok);
    const [unit] = details.data.units;
    assert.deepEqual(unit?.waiting?.machines, [
      { id: 'm2', reason: 'its lease on m1 has not ended: it may still run there' },
    ]);
    while ((await placeOf(schedulers)) === null) await schedulers.pass(100, 'm2');
    assert.equal(await placeOf(schedulers), 'm2');
    const { graceMs, stopMs } = terms;
    assert.ok(schedulers.clock.monotonicNow() - lastAnswer > graceMs + stopMs, 'it was waited for the lease');
    const events = (await schedulers.commits()).flatMap((commit) => commit.events);
    assert.ok(events.some((event) => event.type === 'UnitLeaseEnded' && event.machine === 'm1'));
  });

  test('waits longer under a new leader, which cannot know when the machine was answered last', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.pass(2_600, 'm2');
    await schedulers.start('s2');
    const [first] = schedulers.running;
    first?.isolate();
    while ((await leaderOf(schedulers)) !== 's2') await schedulers.pass(100, 'm2');
    const elected = schedulers.clock.monotonicNow();
    while ((await placeOf(schedulers)) === null) await schedulers.pass(100, 'm2');
    assert.ok(schedulers.clock.monotonicNow() - elected >= leaseOverAt(0, terms) - 200);
  });

  test('is placed at once when its machine comes back and says that it has no such unit', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.pass(2_600, 'm2');
    await schedulers.command({ type: 'CordonMachines', machines: ['m1'], reason: '' });
    await schedulers.join('m1', { session: 'm1-2' });
    const beat = async (held?: string[]) => {
      const { assignments } = schedulers;
      const version = assignments.filter(({ machine }) => machine === 'm1').at(-1)?.version ?? 0;
      const heartbeat: Partial<Heartbeat> = { session: 'm1-2', assignment: version, ...(held ? { held } : {}) };
      await schedulers.beat('m1', heartbeat);
      await schedulers.pass(100, 'm2');
    };
    await beat();
    assert.equal(await placeOf(schedulers), null, 'it does not know yet what it has');
    await beat(['a.service']);
    assert.equal(await placeOf(schedulers), null, 'it is still being stopped');
    await beat([]);
    assert.equal(await placeOf(schedulers), 'm2');
  });

  test('is placed at once when its machine was restarted, or had left in good order', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.pass(2_600, 'm2');
    await schedulers.command({ type: 'CordonMachines', machines: ['m1'], reason: '' });
    await schedulers.join('m1', { session: 'm1-2', bootId: 'another' });
    await schedulers.pass(100, 'm2');
    assert.equal(await placeOf(schedulers), 'm2');
    await schedulers.command({ type: 'UncordonMachines', machines: ['m1'] });
    await schedulers.command({ type: 'LeaveMachine', machine: 'm2', session: 'm2-1', reason: 'shut down' });
    await schedulers.beat('m1', { session: 'm1-2' });
    assert.equal(await placeOf(schedulers), 'm1');
  });

  test('waits for its end on the machine that it is moved from, though that one is well', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.command({ type: 'MoveUnits', units: [{ name: 'a.service', to: 'm2' }], reason: 'because' });
    await schedulers.pass(1_000, 'm1', 'm2');
    assert.equal(await placeOf(schedulers), null);
    const version = schedulers.assignments.filter(({ machine }) => machine === 'm1').at(-1)?.version ?? 0;
    await schedulers.beat('m1', { assignment: version, held: [] });
    await schedulers.pass(100, 'm2');
    assert.equal(await placeOf(schedulers), 'm2');
  });
});

async function leaderOf(schedulers: MemorySchedulers): Promise<string | null> {
  const reply = await schedulers.query({ type: 'GetStatus' });
  return reply.ok ? reply.data.leader : null;
}
