import type { Bytes, KeyValue } from '../../../shared/domain/kv.ts';
import { type EtcdContext, headerOf, linearizable } from './context.ts';
import type { StreamCall } from './grpc/call.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import type { LeaderResponse } from './messages.ts';
import { ReadyQueue } from './readyQueue.ts';
import { endOf, firstInLine, prefixOf } from './waitingLine.ts';

/** One revision at a time: each may have made another leader. */
const maxEvents = 1;

/** Sends the leader of an election as it is now, then everything that leaders proclaim, in order and without gaps. */
export async function observe(
  { service, authenticator }: EtcdContext,
  name: Bytes,
  call: StreamCall<LeaderResponse>,
): Promise<void> {
  const user = authenticator.userOf(call);
  const refusal = user instanceof GrpcStatus ? user : await linearizable(service);
  if (refusal !== null || user instanceof GrpcStatus) return call.end(refusal ?? undefined);
  const prefix = prefixOf(name);
  const queue = new ReadyQueue<true>(sendNext);
  const watch = service.store.watch({ key: prefix, rangeEnd: endOf(prefix) }, () => queue.add(true));
  let shown = 0;
  call.onDrain(() => queue.resume());
  call.onClosed(() => {
    watch.close();
    queue.close();
  });
  show(firstInLine(service, prefix, user), service.store.revision);

  function sendNext(): boolean {
    const pulled = watch.pull(maxEvents);
    // What was to come next is compacted: whoever leads now is the next that can be told.
    if ('compactRevision' in pulled)
      show(firstInLine(service, prefix, user as string | undefined), service.store.revision);
    if ('compactRevision' in pulled || pulled.events.length === 0) return false;
    const revision = pulled.events[0]?.kv.modRevision ?? 0;
    show(firstInLine(service, prefix, user as string | undefined, revision), revision);
    return true;
  }

  function show(leader: KeyValue | null | GrpcStatus, revision: number): void {
    if (leader instanceof GrpcStatus) return call.end(leader);
    if (leader === null || leader.modRevision === shown) return;
    shown = leader.modRevision;
    if (!call.send({ header: headerOf(service, revision), kv: leader })) queue.pause();
  }
}
