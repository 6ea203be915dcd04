import { nanoid } from 'nanoid';
import { pino } from 'pino';
import { connectPatiently } from '../../shared/bus/connectPatiently.ts';
import type { NatsAccess } from '../../shared/bus/natsAccess.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { keepStreams } from '../../shared/log/jetStreamStreams.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { startScheduler } from './schedulerActor.ts';

export interface SchedulerOptions extends NatsAccess {
  /** Copies of each stream; absent: one, or as many as there are. */
  replicas?: number;
}

/** Runs a scheduler until it is told to stop (SIGTERM, SIGINT). Resolves with the exit code. */
export async function main(options: SchedulerOptions): Promise<number> {
  const log = pino({ name: 'scheduler', level: process.env.FLOTILLA_LOG_LEVEL ?? 'info' });
  const onError = (error: unknown) => log.warn({ err: error }, 'something went wrong; it is tried again');
  const onPassedOver = (name: string, reason: string) => log.warn({ name, reason }, 'a snapshot was passed over');
  const id = nanoid(8);
  const onWaiting = (reason: string) => log.warn(`${reason}; waiting for it`);
  const connecting = { ...options, name: `flotilla scheduler ${id}`, leavesSilentServer: 'always' } as const;
  const link = await connectPatiently(connecting, { clock: systemClock, onWaiting });
  const copies = options.replicas === undefined ? {} : { replicas: options.replicas };
  await keepStreams(link, { onError, onWaiting, timeoutMs: Number.POSITIVE_INFINITY, ...copies });
  const bus = createNatsBus(link);
  const scheduler = startScheduler(
    {
      id,
      bus,
      log: await createJetStreamLog(link, { stream: streams.log }),
      fence: await createJetStreamLog(link, { stream: streams.fence }),
      snapshots: createJetStreamSnapshots(link, { onPassedOver, ...copies }),
      clock: systemClock,
      random: Math.random,
      ids: nanoid,
      onError,
    },
    (state) => log.info({ scheduler: id }, `scheduler ${state}`),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => scheduler.stop());
  const error = await scheduler.ended;
  await bus.close();
  if (error === null) return 0;
  log.error(`this scheduler ended: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
}
