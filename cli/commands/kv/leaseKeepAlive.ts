import type { KvClient } from '../../../shared/bus/kvClient.ts';
import { delay } from '../../../shared/clock/clock.ts';
import type { LeaseId } from '../../../shared/domain/kv.ts';
import { exitCode, FailureError } from '../../errors.ts';
import { leaseOf } from '../../kv/arguments.ts';
import { untilInterrupted } from '../../kv/interrupt.ts';
import { header, leaseJson, printResult, shownLease } from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

/** Renews by thirds of the TTL, until it is interrupted or the lease is no more. */
export async function keepAlive(call: Invocation): Promise<number> {
  const lease = leaseOf(call.args[0] ?? '');
  const once = call.options.flag('once');
  return withStore(call, async (store) => {
    const interrupted = untilInterrupted();
    do {
      const ttlS = await renew(call, store, lease);
      if (!once) await delay(store.parts.clock, (ttlS * 1000) / 3, interrupted);
    } while (!once && !interrupted.aborted);
    return exitCode.done;
  });
}

/** @throws {FailureError} there is no such lease (any more). */
async function renew(call: Invocation, store: KvClient, lease: LeaseId): Promise<number> {
  const { revision, response } = orFail(await store.renew(lease));
  const { ttlS } = response;
  if (ttlS <= 0) throw new FailureError(`lease ${shownLease(lease)} expired or revoked`);
  printResult(call, {
    json: () => ({ ...header(revision), ...leaseJson(lease), ttl: ttlS }),
    simple: () => [`lease ${shownLease(lease)} keepalived with TTL(${ttlS})`],
  });
  return ttlS;
}
