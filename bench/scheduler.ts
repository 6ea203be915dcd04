import { nanoid } from 'nanoid';
import { startScheduler } from '../services/scheduler/schedulerActor.ts';
import { createNatsBus } from '../shared/bus/natsBus.ts';
import { connectNats } from '../shared/bus/natsConnection.ts';
import { sendCommand } from '../shared/bus/sendCommand.ts';
import { systemClock } from '../shared/clock/systemClock.ts';
import { createJetStreamLog } from '../shared/log/jetStreamLog.ts';
import { ensureStreams } from '../shared/log/jetStreamStreams.ts';
import { createMemorySnapshots } from '../shared/log/memorySnapshots.ts';
import type { CommandBody } from '../shared/protocol/commands.ts';
import { streams, subjects } from '../shared/protocol/subjects.ts';
import { startTestNats } from '../test/support/nats.ts';
import { machineFacts } from '../test/support/samples.ts';
import { until } from '../test/support/until.ts';
import type { Row } from './support/report.ts';
import { timed } from './support/stats.ts';

const text = '[Service]\nExecStart=/bin/sleep 100000\nMemoryMax=64M\n';
const unitsPerCommand = 500;
const goal = 20_000;
const bytesPerPlacement = 190;

/** Units that are known are started: each is placed by one scheduler among so many machines, and that is on disk. */
export async function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const machines of quick ? [100, 1_000] : [100, 1_000, 5_000]) {
    rows.push(await placements(machines, quick ? 5_000 : 40_000));
  }
  return rows;
}

async function placements(machines: number, units: number): Promise<Row> {
  const cleanUps: (() => Promise<void>)[] = [];
  const nats = await startTestNats({ after: (fn) => cleanUps.push(fn) });
  const { url: server, user, password } = nats;
  const link = await connectNats({ server, user, password, name: 'bench' });
  try {
    await ensureStreams(link);
    const { ask, stop } = await leadAlone(link);
    await inChunks(machines, (from, to) => joinAll(ask, from, to), 50);
    const names = Array.from({ length: units }, (_, index) => `bench-${index}.service`);
    const withText = (from: number, to: number) => names.slice(from, to).map((name) => ({ name, text }));
    const alone = (from: number, to: number) => names.slice(from, to).map((name) => ({ name }));
    await inChunks(units, (from, to) => ask({ type: 'SubmitUnits', units: withText(from, to) }));
    // All at once: what comes while a commit is under way goes into the next one.
    const commands = chunksOf(units).map(([from, to]) => ({ type: 'StartUnits' as const, units: alone(from, to) }));
    const ms = await timed(() => Promise.all(commands.map(ask)));
    stop();
    const raw = await rawRate(link, Math.min(commands.length, 40));
    const rate = (1000 * units) / ms;
    return {
      what: `durable placements, ${machines.toLocaleString('en-US')} machines`,
      flotilla: rate,
      unit: '/s',
      baseline: { what: 'as many in JetStream appends of their size, undecided', value: raw },
      goal: machines === 5_000 ? `≥ ${goal.toLocaleString('en-US')}/s` : '',
      met: rate >= goal,
    };
  } finally {
    await link.close();
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

type Link = Awaited<ReturnType<typeof connectNats>>;
type Ask = (body: CommandBody) => Promise<void>;

/** A scheduler that takes machines to be there whether they are heard or not: what is measured is deciding. */
async function leadAlone(link: Link): Promise<{ ask: Ask; stop: () => void }> {
  const bus = createNatsBus(link);
  const scheduler = startScheduler({
    ...{ id: 'bench', bus, clock: systemClock, ids: nanoid, random: Math.random, machineTimeoutMs: 3_600_000 },
    log: await createJetStreamLog(link, { stream: streams.log }),
    fence: await createJetStreamLog(link, { stream: streams.fence }),
    snapshots: createMemorySnapshots(() => undefined),
    onError: (error) => console.error(error),
  });
  await until('the scheduler leads', () => scheduler.state === 'leading');
  const ask = async (body: CommandBody) => {
    const command = { ...body, id: nanoid(), by: 'bench' };
    const reply = await sendCommand(command, { bus, clock: systemClock, timeoutMs: 120_000 });
    if (!reply.ok) throw new Error(`${reply.message} ${reply.details.join('; ')}`);
  };
  return { ask, stop: () => scheduler.stop() };
}

async function joinAll(ask: Ask, from: number, to: number): Promise<void> {
  const capacity = { memoryBytes: 64 * 2 ** 30, cpus: 16 };
  const ids = Array.from({ length: to - from }, (_, index) => `m${from + index}`);
  await Promise.all(ids.map((id) => ask({ type: 'JoinMachine', ...machineFacts(id, { capacity }) })));
}

async function inChunks(count: number, run: (from: number, to: number) => Promise<void>, size = unitsPerCommand) {
  for (const [from, to] of chunksOf(count, size)) await run(from, to);
}

function chunksOf(count: number, size = unitsPerCommand): [from: number, to: number][] {
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => [i * size, Math.min(count, (i + 1) * size)]);
}

async function rawRate(link: Link, appends: number): Promise<number> {
  const log = await createJetStreamLog(link, { stream: streams.fence });
  const data = new Uint8Array(unitsPerCommand * bytesPerPlacement);
  let seq = 0;
  const ms = await timed(async () => {
    for (let i = 0; i < appends; i++) {
      ({ seq } = await log.append({ subject: subjects.fence('kv'), id: nanoid(), data, expectedSeq: seq }));
    }
  });
  return (1000 * appends * unitsPerCommand) / ms;
}
