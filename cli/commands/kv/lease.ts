import type { LeaseId } from '../../../shared/domain/kv.ts';
import type { KvAnswers } from '../../../shared/protocol/kv.ts';
import { exitCode } from '../../errors.ts';
import { leaseOf, wholeNumber } from '../../kv/arguments.ts';
import { base64, header, leaseJson, printResult, shownLease } from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function grant(call: Invocation): Promise<number> {
  const ttlS = wholeNumber(call.args[0], 'TTL', { min: 1 });
  const { revision, response } = await withStore(call, async (store) => orFail(await store.grant(ttlS)));
  const { lease, ttlS: granted } = response;
  printResult(call, {
    json: () => ({ ...header(revision), ...leaseJson(lease), ttl: granted }),
    simple: () => [`lease ${shownLease(lease)} granted with TTL(${granted}s)`],
  });
  return exitCode.done;
}

export async function revoke(call: Invocation): Promise<number> {
  const lease = leaseOf(call.args[0] ?? '');
  const { revision } = await withStore(call, async (store) => orFail(await store.revoke(lease)));
  printResult(call, {
    json: () => ({ ...header(revision), ...leaseJson(lease) }),
    simple: () => [`lease ${shownLease(lease)} revoked`],
  });
  return exitCode.done;
}

export async function timeToLive(call: Invocation): Promise<number> {
  const lease = leaseOf(call.args[0] ?? '');
  const withKeys = call.options.flag('keys');
  const { revision, response } = await withStore(call, async (store) => orFail(await store.lease(lease)));
  const { leftS, ttlS, keys } = response;
  printResult(call, {
    json: () => ({
      ...header(revision),
      ...leaseJson(lease),
      ttl: leftS,
      granted_ttl: ttlS,
      ...(withKeys ? { keys: keys.map(base64) } : {}),
    }),
    simple: () => [describe(lease, response, withKeys)],
  });
  return exitCode.done;
}

function describe(lease: LeaseId, { leftS, ttlS, keys }: KvAnswers['lease'], withKeys: boolean): string {
  const name = `lease ${shownLease(lease)}`;
  if (leftS < 0) return `${name} already expired`;
  const attached = withKeys ? `, attached keys([${keys.join(' ')}])` : '';
  return `${name} granted with TTL(${ttlS}s), remaining(${leftS}s)${attached}`;
}

export async function list(call: Invocation): Promise<number> {
  const { revision, response } = await withStore(call, async (store) => orFail(await store.leases()));
  const { leases } = response;
  printResult(call, {
    json: () => ({
      ...header(revision),
      leases: leases.map(({ lease, ttlS }) => ({ ...leaseJson(lease), ttl: ttlS })),
    }),
    simple: () => [`found ${leases.length} leases`, ...leases.map(({ lease }) => shownLease(lease))],
  });
  return exitCode.done;
}
