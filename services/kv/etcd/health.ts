import type { EtcdContext } from './context.ts';
import type { StreamCall } from './grpc/call.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { streaming } from './grpc/streaming.ts';
import { unary } from './grpc/unary.ts';
import { type HealthCheckRequest, type HealthCheckResponse, HealthService, ServingStatus } from './messages.ts';

/** Of which services it can be asked; '': of the server as a whole. All are as healthy as the store. */
const known = /^$|^etcdserverpb\.|^v3lockpb\.|^v3electionpb\.|^grpc\.health\./;

/** gRPC's health checking protocol: the store serves while somebody leads. */
export function healthRoutes({ service }: EtcdContext): Route[] {
  function current(): number {
    return service.status.leaderId === '0' ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  }

  function watch(call: StreamCall<HealthCheckResponse>) {
    return {
      message({ service: name }: HealthCheckRequest): void {
        if (!known.test(name)) return void call.send({ status: ServingStatus.SERVICE_UNKNOWN });
        call.send({ status: current() });
        call.onClosed(service.onLeader(() => call.send({ status: current() })));
      },
    };
  }

  return [
    unary(HealthService.Check, ({ service: name }: HealthCheckRequest) =>
      known.test(name) ? { status: current() } : new GrpcStatus(GrpcCode.NotFound, 'unknown service'),
    ),
    streaming(HealthService.Watch, watch),
  ];
}
