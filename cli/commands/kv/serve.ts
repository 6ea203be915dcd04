import { getHeapStatistics } from 'node:v8';
import { findServiceEndpoint } from '../../endpoint.ts';
import { UsageError } from '../../errors.ts';
import { parseListen } from '../../listen.ts';
import type { Options } from '../../options.ts';
import type { Invocation } from '../../verb.ts';

const mostReplicas = 5;
/** etcd's own port, on the loopback interface: whoever reaches it may read and write, unless authentication is on. */
const defaultListen = '127.0.0.1:2379';
/** What etcd allows by default, bytes. */
const etcdQuotaBytes = 2 * 1024 ** 3;

/**
 * What a store may hold where nobody says it, bytes: as etcd, but in memory, where short keys and values take three times
 * their size. So no more than a quarter of what Node gives its heap, `heapLimitBytes`: the alarm has to come first.
 */
export function defaultQuotaBytes(heapLimitBytes: number): number {
  return Math.min(etcdQuotaBytes, Math.floor(heapLimitBytes / 4));
}

/** Runs a key/value store in this process until it is told to stop. */
export async function serve({ options, io }: Invocation): Promise<number> {
  const endpoint = await findServiceEndpoint(options, io.env);
  const replicas = options.count('replicas', { min: 1, max: mostReplicas });
  const [name, advertise] = [options.text('name'), options.text('advertise')];
  const asked = options.count('quotaBytes', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const quotaBytes = asked ?? defaultQuotaBytes(getHeapStatistics().heap_size_limit);
  const keepRevisions = options.count('autoCompactionRevisions', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
  const { main } = await import('../../../services/kv/main.ts');
  return main({
    ...endpoint,
    ...parseListen(options.text('listen') ?? defaultListen),
    quotaBytes,
    keepRevisions,
    ...tlsOf(options),
    ...(replicas === undefined ? {} : { replicas }),
    ...(name === undefined ? {} : { name }),
    ...(advertise === undefined ? {} : { advertise: advertise.split(',') }),
  });
}

/** The store's option `tls`, or nothing. @throws {UsageError} some of what belongs together is missing. */
function tlsOf(options: Options) {
  const [certFile, keyFile, trustedCaFile] = (['certFile', 'keyFile', 'trustedCaFile'] as const).map((name) =>
    options.text(name),
  );
  const clientCertAuth = options.flag('clientCertAuth');
  if (clientCertAuth && trustedCaFile === undefined) {
    throw new UsageError('--client-cert-auth needs --trusted-ca-file: whose certificates are believed');
  }
  if (certFile !== undefined && keyFile !== undefined) {
    return { tls: { certFile, keyFile, clientCertAuth, ...(trustedCaFile === undefined ? {} : { trustedCaFile }) } };
  }
  if (certFile === undefined && keyFile === undefined && trustedCaFile === undefined) return {};
  throw new UsageError('TLS needs a certificate and its key: --cert-file and --key-file');
}
