import type { EtcdContext } from './context.ts';
import { refuse } from './errors.ts';
import type { Call, StreamCall } from './grpc/call.ts';
import type { Route } from './grpc/route.ts';
import { streaming } from './grpc/streaming.ts';
import { type WatchRequest, type WatchResponse, WatchService } from './messages.ts';
import { WatchStream } from './watchStream.ts';

/** etcd's Watch service (api-v3, "Watch API"). */
export function watchRoutes(context: EtcdContext): Route[] {
  return [
    streaming(WatchService.Watch, (call: StreamCall<WatchResponse>) => {
      const stream = new WatchStream(context, call);
      endWithoutLeader(context, call);
      return {
        message({ createRequest, cancelRequest, progressRequest }: WatchRequest) {
          if (createRequest !== undefined) stream.create(createRequest);
          else if (cancelRequest !== undefined) stream.cancel(cancelRequest.watchId);
          else if (progressRequest !== undefined) stream.requestProgress();
          return stream.whenRoom();
        },
      };
    }),
  ];
}

/** Three election timeouts, as with etcd: that one leader comes after another ends nobody's stream. */
const leaderlessMs = 4_500;

/** A client that asks for it is told when nobody leads, so that it may try another store. */
export function endWithoutLeader({ service, clock }: EtcdContext, call: StreamCall<unknown>): void {
  if (!needsLeader(call)) return;
  const end = () => call.end(refuse('no-leader'));
  if (service.status.leaderId === '0') return end();
  let timer: unknown;
  const off = service.onLeader((known) => {
    clock.clearTimeout(timer);
    if (!known) timer = clock.setTimeout(end, leaderlessMs);
  });
  call.onClosed(() => {
    clock.clearTimeout(timer);
    off();
  });
}

function needsLeader(call: Call): boolean {
  return call.metadata('hasleader') === 'true';
}
