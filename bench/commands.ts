import { nanoid } from 'nanoid';
import { createNatsBus } from '../shared/bus/natsBus.ts';
import { connectNats } from '../shared/bus/natsConnection.ts';
import { sendCommand } from '../shared/bus/sendCommand.ts';
import { systemClock } from '../shared/clock/systemClock.ts';
import { createJetStreamLog } from '../shared/log/jetStreamLog.ts';
import { streams, subjects } from '../shared/protocol/subjects.ts';
import type { TestCluster } from '../test/support/cluster.ts';
import { inParallel } from '../test/support/inParallel.ts';
import { onCluster } from './support/cluster.ts';
import type { Row } from './support/report.ts';
import { timed } from './support/stats.ts';

const text = '[Service]\nExecStart=/bin/true\n\n[X-Fleet]\nMachineMetadata=bench=none\n';
const concurrency = 64;

/** Durable `start`s through one scheduler, each a command of its own; no machine takes these units, so only deciding counts. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const count = quick ? 1_000 : 10_000;
  return onCluster({ nodes: 3 }, async (cluster) => {
    const link = await connect(cluster);
    const bus = createNatsBus(link);
    const start = async (index: number) => {
      const units = [{ name: `bench-${index}.service`, text }];
      const reply = await sendCommand(
        { id: nanoid(), by: 'bench', type: 'StartUnits', units },
        { bus, clock: systemClock, timeoutMs: 30_000 },
      );
      if (!reply.ok) throw new Error(`${reply.message} ${reply.details.join('; ')}`);
    };
    const ms = await timed(() => inParallel(count, concurrency, start));
    const appends = await appendRate(await createJetStreamLog(link, { stream: streams.fence }), quick ? 300 : 1_000);
    await bus.close();
    const rate = (1000 * count) / ms;
    const baseline = { what: 'durable JetStream appends, one in flight, no scheduler', value: appends };
    return [
      {
        what: 'durable starts through one scheduler',
        flotilla: rate,
        unit: '/s',
        baseline,

        goal: '≥ 1,000/s',
        met: rate >= 1_000,
      },
    ];
  });
}

function connect({ cluster }: TestCluster) {
  const { server, user = '', password = '' } = cluster.file;
  return connectNats({ server, user, password, name: 'bench' });
}

async function appendRate(log: Awaited<ReturnType<typeof createJetStreamLog>>, count: number): Promise<number> {
  // A fence that no role uses: what is measured is the way to the disk and back.
  const subject = subjects.fence('kv');
  const data = new Uint8Array(300);
  let seq = 0;
  const ms = await timed(async () => {
    for (let i = 0; i < count; i++) ({ seq } = await log.append({ subject, id: nanoid(), data, expectedSeq: seq }));
  });
  return (1000 * count) / ms;
}
