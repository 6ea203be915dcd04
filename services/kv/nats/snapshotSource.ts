import type { StoreView } from '../store/store.ts';
import type { StreamBody, StreamSource } from './outgoingStream.ts';

/** Of a snapshot in one message; base64 makes a third more of it. */
const messageBytes = 256 * 1024;

/** The whole store as it is now. */
export function createSnapshotSource(store: StoreView): StreamSource {
  const { revision } = store;
  const pieces = piecesOf(store.serialize());
  return {
    next(): StreamBody {
      const { done, value } = pieces.next();
      return done ? { end: true } : { chunk: Buffer.from(value).toString('base64') };
    },
    revision,
    close: () => void pieces.return(undefined),
  };
}

function* piecesOf(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += messageBytes) yield chunk.subarray(at, at + messageBytes);
  }
}
