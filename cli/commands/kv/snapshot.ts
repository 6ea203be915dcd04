import type { KvClient } from '../../../shared/bus/kvClient.ts';
import { receiveStream, StreamBrokenError, type StreamItem } from '../../../shared/bus/kvStream.ts';
import { prefixRange } from '../../../shared/domain/kvKeys.ts';
import { exitCode, FailureError } from '../../errors.ts';
import { untilInterrupted } from '../../kv/interrupt.ts';
import { printResult } from '../../kv/output.ts';
import { checkSnapshot, writeSnapshot } from '../../kv/snapshotFile.ts';
import { orFail, refusal, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function save(call: Invocation): Promise<number> {
  const path = call.args[0] ?? '';
  const revision = await withStore(call, (store) => saveTo(path, store));
  printResult(call, { json: () => ({ file: path, revision }), simple: () => [`Snapshot saved at ${path}`] });
  return exitCode.done;
}

/** Resolves with the store's revision in it. */
async function saveTo(path: string, store: KvClient): Promise<number> {
  const interrupted = untilInterrupted();
  const items = receiveStream(store.parts, { type: 'snapshot' }, interrupted);
  try {
    const first = await items.next();
    const revision = first.value && 'reached' in first.value ? first.value.reached : 0;
    const everything = { ...prefixRange(''), countOnly: true, revision };
    const keys = orFail(await store.range(everything)).response.count;
    await writeSnapshot(path, { revision, keys }, chunksOf(items));
    return revision;
  } catch (error) {
    if (!(error instanceof StreamBrokenError)) throw error;
    throw new FailureError(`the snapshot broke off, try again: ${error.message}`, { cause: error });
  }
}

/** @throws {FailureError} it did not come whole. */
async function* chunksOf(items: AsyncIterable<StreamItem>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const item of items) {
    if ('chunk' in item) yield Buffer.from(item.chunk, 'base64');
    if (!('end' in item)) continue;
    if (item.error) throw refusal(item.error);
    return;
  }
  throw new FailureError('it was interrupted: there is no snapshot');
}

export async function status(call: Invocation): Promise<number> {
  const { hash, header, sizeBytes } = await checkSnapshot(call.args[0] ?? '');
  const known = header && { revision: header.revision, total_key: header.keys };
  printResult(call, {
    json: () => ({ hash, ...known, total_size: sizeBytes }),
    simple: () => [`${hash}, ${header?.revision ?? '-'}, ${header?.keys ?? '-'}, ${sizeBytes} bytes`],
  });
  return exitCode.done;
}
