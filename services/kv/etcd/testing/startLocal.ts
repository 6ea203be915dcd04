import type { TestContext } from 'node:test';
import type { Clock } from '../../../../shared/clock/clock.ts';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import type { EtcdLimits } from '../context.ts';
import { type EtcdServer, type EtcdTls, startEtcdServer } from '../etcdServer.ts';
import { GrpcClient } from './grpcClient.ts';
import { createLocalService, type LocalService } from './localService.ts';

export interface LocalEtcd {
  port: number;
  server: EtcdServer;
  service: LocalService;
  client: GrpcClient;
  /** Exceptions of handlers; a test that expects none asserts so. */
  errors: unknown[];
}

/** The etcd API on a {@link LocalService}, until the test ends. */
export async function startLocal(
  t: Pick<TestContext, 'after'>,
  { clock = systemClock, limits = {}, tls }: { clock?: Clock; limits?: Partial<EtcdLimits>; tls?: EtcdTls } = {},
): Promise<LocalEtcd> {
  const service = createLocalService(clock);
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const server = await startEtcdServer({ service, clock, port: 0, limits, onError, ...(tls ? { tls } : {}) });
  const client = new GrpcClient(server.port);
  t.after(async () => {
    client.close();
    service.close();
    await server.close();
  });
  return { port: server.port, server, service, client, errors };
}
