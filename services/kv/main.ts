import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { nanoid } from 'nanoid';
import { pino } from 'pino';
import { connectPatiently } from '../../shared/bus/connectPatiently.ts';
import type { NatsAccess } from '../../shared/bus/natsAccess.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { primaryIp } from '../../shared/embedded/primaryIp.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { createJetStreamRetention } from '../../shared/log/jetStreamRetention.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { keepStreams } from '../../shared/log/jetStreamStreams.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { type EtcdServer, type EtcdTls, startEtcdServer } from './etcd/etcdServer.ts';
import { readTlsFiles } from './etcd/tlsFiles.ts';
import { memberId } from './identity.ts';
import { startKv } from './kvActor.ts';
import { serveNative } from './nats/nativeApi.ts';

export interface KvOptions extends NatsAccess {
  /** Copies of each stream; absent: one, or as many as there are. */
  replicas?: number;
  /** Names the store among its like; absent: the host's name. */
  name?: string;
  /** Where etcd's API is served. */
  host: string;
  port: number;
  /** Absent: clients connect in the clear. */
  tls?: EtcdTls;
  /** How clients are told to reach it, URLs; absent: where it is served. */
  advertise?: string[];
  /** Keys and values may take so much before the NOSPACE alarm, bytes. */
  quotaBytes: number;
  /** About so many revisions are kept by compactions of the store's own; 0: it makes none. */
  keepRevisions: number;
}

/**
 * Runs a store until it is told to stop (SIGTERM, SIGINT). Resolves with the exit code.
 * @throws {TlsFilesError}
 */
export async function main(options: KvOptions): Promise<number> {
  const log = pino({ name: 'kv', level: process.env.FLOTILLA_LOG_LEVEL ?? 'info' });
  const onError = (error: unknown) => log.warn({ err: error }, 'something went wrong; it is tried again');
  const onPassedOver = (name: string, reason: string) => log.warn({ name, reason }, 'a snapshot was passed over');
  const onWaiting = (reason: string) => log.warn(`${reason}; waiting for it`);
  const { name = hostname(), host, port, tls, quotaBytes, keepRevisions, replicas } = options;
  // Said at once, not when NATS is there.
  if (tls !== undefined) await readTlsFiles(tls);
  const link = await connectPatiently({ ...options, name: `flotilla kv ${name}` }, { clock: systemClock, onWaiting });
  const copies = replicas === undefined ? {} : { replicas };
  await keepStreams(link, { onError, onWaiting, timeoutMs: Number.POSITIVE_INFINITY, ...copies });
  const bus = createNatsBus(link);
  const clientUrls = options.advertise ?? [urlOf(tls ? 'https' : 'http', host, port)];
  let cannotListen: Error | null = null;
  let etcd: Promise<EtcdServer | null> = Promise.resolve(null);
  const store = startKv(
    {
      self: { id: memberId(name), name, clientUrls },
      bus,
      log: await createJetStreamLog(link, { stream: streams.kv }),
      fence: await createJetStreamLog(link, { stream: streams.fence }),
      retention: createJetStreamRetention(link, { stream: streams.kv }),
      snapshots: createJetStreamSnapshots(link, { onPassedOver, ...copies }),
      clock: systemClock,
      random: Math.random,
      ids: nanoid,
      newLease: randomLease,
      quotaBytes,
      keepRevisions,
      serve: (service) => {
        const started = startEtcdServer({ service, clock: systemClock, host, port, onError, ...(tls ? { tls } : {}) });
        etcd = started.catch((error) => {
          cannotListen = new Error(`etcd's API cannot be served on ${host}:${port}: ${error.message}`);
          store.stop();
          return null;
        });
        const native = serveNative({ bus, clock: systemClock, service, onError });
        return () => {
          native.unsubscribe();
          void etcd.then((server) => server?.retire());
        };
      },
      onError,
    },
    (state) => log.info({ store: name }, `store ${state}`),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => store.stop());
  const error = (await store.ended) ?? cannotListen;
  await (await etcd)?.close();
  await bus.close();
  if (error === null) return 0;
  log.error(`this store ended: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
}

/** As others reach it: whoever listens on every address is told of by the machine's own. */
function urlOf(scheme: 'http' | 'https', host: string, port: number): string {
  const reached = host === '0.0.0.0' || host === '::' ? primaryIp() : host;
  return `${scheme}://${isIPv6(reached) ? `[${reached}]` : reached}:${port}`;
}

/** A positive int64, in decimal. */
function randomLease(): string {
  return String(randomBytes(8).readBigUInt64BE() >> 1n || 1n);
}
