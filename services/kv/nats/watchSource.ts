import type { WatchEvent, WatchRequest } from '../../../shared/domain/kv.ts';
import type { StoreView } from '../store/store.ts';
import type { StreamBody, StreamSource } from './outgoingStream.ts';

/** Of keys and values in one message, as long as more than one change is in it. */
const messageBytes = 64 * 1024;
const mostEvents = 1_000;

/** What happens to keys, in messages of a good size. `onReady`: there may be something to take again. */
export function createWatchSource(store: StoreView, request: WatchRequest, onReady: () => void): StreamSource {
  const start = request.startRevision ?? 0;
  const watch = store.watch(request, onReady);
  const pending: StreamBody[] = [];
  let revision = start > 0 ? start - 1 : store.revision;
  let pulled = revision;
  return {
    next() {
      if (pending.length === 0) {
        const change = watch.pull(mostEvents);
        if ('compactRevision' in change) return compacted(change.compactRevision);
        pulled = Math.max(pulled, change.revision);
        pending.push(...messagesOf(change.events));
      }
      const body = pending.shift() ?? null;
      if (pending.length === 0) revision = pulled;
      return body;
    },
    get revision() {
      return revision;
    },
    close: () => watch.close(),
  };
}

function compacted(compactRevision: number): StreamBody {
  return { end: true, error: { code: 'compacted' }, compactRevision };
}

/** Cut by size. Where a cut goes through a revision, the message before it says so. */
export function messagesOf(events: readonly WatchEvent[]): StreamBody[] {
  const messages: StreamBody[] = [];
  let from = 0;
  let size = 0;
  for (const [i, event] of events.entries()) {
    size += sizeOf(event);
    const next = events[i + 1];
    if (next && size + sizeOf(next) <= messageBytes) continue;
    const goesOn = next?.kv.modRevision === event.kv.modRevision;
    messages.push({ events: events.slice(from, i + 1), ...(goesOn ? { partial: true } : {}) });
    from = i + 1;
    size = 0;
  }
  return messages;
}

function sizeOf({ kv, prevKv }: WatchEvent): number {
  const overhead = 100;
  return kv.key.length + kv.value.length + (prevKv ? prevKv.key.length + prevKv.value.length : 0) + overhead;
}
