import { watchKeys } from '../../../shared/bus/kvWatch.ts';
import type { WatchEvent } from '../../../shared/domain/kv.ts';
import { exitCode, FailureError } from '../../errors.ts';
import { rangeOf, revisionOf } from '../../kv/arguments.ts';
import { untilInterrupted } from '../../kv/interrupt.ts';
import { header, keyAndValue, kvJson, printResult } from '../../kv/output.ts';
import { refusal, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

/** Goes on until it is interrupted, whatever becomes of the store meanwhile. */
export async function watch(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const { revision } = revisionOf(options);
  const request = {
    ...rangeOf(args, options),
    prevKv: options.flag('prevKv'),
    ...(revision === undefined ? {} : { startRevision: revision }),
  };
  return withStore(call, async (store) => {
    const signal = untilInterrupted();
    const onResume = (reason: string) => io.err(`the watch goes on at another store: ${reason}`);
    for await (const item of watchKeys(store.parts, request, { signal, onResume })) {
      if ('error' in item) throw whyOver(item);
      printResult(call, {
        json: () => ({ ...header(item.revision), events: item.events.map(eventJson) }),
        simple: () => item.events.flatMap(linesOf),
      });
    }
    return exitCode.done;
  });
}

function whyOver({ error, compactRevision }: { error: Parameters<typeof refusal>[0]; compactRevision?: number }) {
  if (compactRevision === undefined) return refusal(error);
  return new FailureError(
    `what was before revision ${compactRevision} is forgotten: watch from there on, or from now on`,
  );
}

function linesOf({ type, kv, prevKv }: WatchEvent): string[] {
  return [type === 'put' ? 'PUT' : 'DELETE', ...(prevKv ? keyAndValue(prevKv) : []), ...keyAndValue(kv)];
}

function eventJson({ type, kv, prevKv }: WatchEvent): object {
  return {
    type: type === 'delete' ? 'DELETE' : 'PUT',
    kv: kvJson(kv),
    ...(prevKv ? { prev_kv: kvJson(prevKv) } : {}),
  };
}
