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
  if (user instanceof GrpcStatus) return call.end(user);
  const refusal = await linearizable(service);
  if (refusal !== null) return call.end(refusal);
  const { store } = service;
  const prefix = prefixOf(name);
  let shown = 0;

  const show = (leader: KeyValue | null | GrpcStatus, revision: number): void => {
    if (leader instanceof GrpcStatus) return call.end(leader);
    if (leader === null || leader.modRevision === shown) return;
    shown = leader.modRevision;
    if (!call.send({ header: headerOf(service, revision), kv: leader })) changes.pause();
  };
  const showNow = () => show(firstInLine(service, prefix, user), store.revision);
  const showNext = (): boolean => {
    const pulled = watch.pull(maxEvents);
    // What was to come next is compacted, and whoever leads now is the next that can be told.
    if ('compactRevision' in pulled) showNow();
    const revision = 'events' in pulled ? pulled.events[0]?.kv.modRevision : undefined;
    if (revision === undefined) return false;
    show(firstInLine(service, prefix, user, revision), revision);
    return true;
  };

  const changes = new ReadyQueue<'change'>(showNext);
  const watch = store.watch({ key: prefix, rangeEnd: endOf(prefix) }, () => changes.add('change'));
  call.onDrain(() => changes.resume());
  call.onClosed(() => {
    watch.close();
    changes.close();
  });
  showNow();
}
