import { nanoid } from 'nanoid';
import { pino } from 'pino';
import { connectPatiently } from '../../shared/bus/connectPatiently.ts';
import type { NatsAccess } from '../../shared/bus/natsAccess.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { loadProjection } from '../../shared/log/clusterSnapshots.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { ClusterReader } from './clusterReader.ts';
import { type Addresses, listen } from './listen.ts';
import { createSender } from './sender.ts';
import { createServer } from './server.ts';

export interface ApiOptions extends Addresses, NatsAccess {}

/** Serves fleet's HTTP API until it is told to stop (SIGTERM, SIGINT). Resolves with the exit code. */
export async function main(options: ApiOptions): Promise<number> {
  const log = pino({ name: 'api', level: process.env.FLOTILLA_LOG_LEVEL ?? 'info' });
  const onError = (error: unknown) => log.warn({ err: error }, 'something went wrong');
  const onPassedOver = (name: string, reason: string) => log.warn({ name, reason }, 'a snapshot was passed over');
  const onWaiting = (reason: string) => log.warn(`${reason}; waiting for it`);
  const link = await connectPatiently({ ...options, name: 'flotilla api' }, { clock: systemClock, onWaiting });
  const bus = createNatsBus(link);
  const events = await createJetStreamLog(link, { stream: streams.log });
  const snapshots = createJetStreamSnapshots(link, { onPassedOver });
  const reader = new ClusterReader({
    log: events,
    projection: await loadProjection({ snapshots, log: events, onError }),
    clock: systemClock,
  });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  const send = createSender({ bus, clock: systemClock, ids: nanoid });
  let code = 0;
  let servers: Awaited<ReturnType<typeof listen>> = [];
  try {
    const create = () => createServer({ reader, send, clock: systemClock, onError });
    servers = await listen(create, options);
    const { tcp, socket } = options;
    log.info({ ...tcp, socket }, "fleet's API is served");
    await reader.follow(stop.signal);
  } catch (error) {
    log.error(`the API service ended: ${error instanceof Error ? error.message : String(error)}`);
    code = 1;
  }
  await Promise.all(servers.map((server) => server.close()));
  await bus.close();
  return code;
}
