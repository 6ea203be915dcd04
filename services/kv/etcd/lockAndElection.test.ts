import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import { until } from '../../../test/support/until.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { ElectionService, KVService, LeaseService, LockService } from './messages.ts';
import type { GrpcClient } from './testing/grpcClient.ts';
import { startLocal } from './testing/startLocal.ts';
import type { Method, Sendable } from './wire/codec.ts';

async function answered<Request, Response>(
  client: GrpcClient,
  method: Method<Request, Response>,
  request: Sendable<Request>,
): Promise<Response> {
  const answer = await client.call(method, request);
  assert.ok(!(answer instanceof GrpcStatus), answer instanceof GrpcStatus ? answer.message : '');
  return answer;
}

/** Resolves with the lease's id. */
async function grant(client: GrpcClient, ID: string, TTL = 10): Promise<string> {
  return (await answered(client, LeaseService.LeaseGrant, { ID, TTL })).ID;
}

async function keysUnder(client: GrpcClient, prefix: string): Promise<string[]> {
  const { kvs } = await answered(client, KVService.Range, { key: prefix, rangeEnd: `${prefix}\xff` });
  return kvs.map(({ key }) => key);
}

test('a lock is given to one after the other, with fencing tokens that grow', async (t) => {
  const { client, errors } = await startLocal(t);
  const leases = await Promise.all(['11', '12', '13', '14'].map((id) => grant(client, id)));
  const tokens: number[] = [];
  let holders = 0;
  const hold = async (lease: string) => {
    const { key } = await answered(client, LockService.Lock, { name: 'l', lease });
    holders += 1;
    assert.equal(holders, 1, 'nobody else holds it');
    const { kvs } = await answered(client, KVService.Range, { key });
    tokens.push(kvs[0]?.createRevision ?? 0);
    holders -= 1;
    await answered(client, LockService.Unlock, { key });
  };
  await Promise.all(leases.map(hold));
  assert.deepEqual(
    tokens,
    tokens.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(tokens).size, 4);
  assert.deepEqual(errors, []);
});

test('who holds a lock by its lease gets it again', async (t) => {
  const { client } = await startLocal(t);
  const lease = await grant(client, '5');
  const { key } = await answered(client, LockService.Lock, { name: 'l', lease });
  assert.equal(key, 'l/5');
  assert.equal((await answered(client, LockService.Lock, { name: 'l', lease })).key, key);
});

test('a lock without a lease is held for a minute at most, one with an unknown lease is refused', async (t) => {
  const clock = createSimulatedClock(0);
  const { client } = await startLocal(t, { clock });
  const { key } = await answered(client, LockService.Lock, { name: 'l' });
  assert.deepEqual(await keysUnder(client, 'l/'), [key]);
  await clock.advance(60_000);
  assert.deepEqual(await keysUnder(client, 'l/'), []);
  const refused = await client.call(LockService.Lock, { name: 'l', lease: '77' });
  assert.deepEqual(refused, new GrpcStatus(5, 'etcdserver: requested lease not found'));
});

test('a client that goes away while it waits leaves the line', async (t) => {
  const { client, errors } = await startLocal(t);
  for (const id of ['1', '2', '3']) await grant(client, id);
  const { key } = await answered(client, LockService.Lock, { name: 'l', lease: '1' });
  const impatient = client.open(LockService.Lock);
  impatient.send({ name: 'l', lease: '2' });
  await until('it waits', async () => (await keysUnder(client, 'l/')).length === 2);
  const patient = client.call(LockService.Lock, { name: 'l', lease: '3' });
  await until('the other waits too', async () => (await keysUnder(client, 'l/')).length === 3);
  impatient.cancel();
  await until('it has left', async () => !(await keysUnder(client, 'l/')).includes('l/2'));
  await answered(client, LockService.Unlock, { key });
  const next = await patient;
  assert.ok(!(next instanceof GrpcStatus));
  assert.equal(next.key, 'l/3');
  assert.deepEqual(errors, []);
});

test('a lock is not given to whoever has lost its lease while it waited', async (t) => {
  const { client } = await startLocal(t);
  await grant(client, '1');
  await grant(client, '2');
  await answered(client, LockService.Lock, { name: 'l', lease: '1' });
  const waiting = client.call(LockService.Lock, { name: 'l', lease: '2' });
  await until('it waits', async () => (await keysUnder(client, 'l/')).length === 2);
  await answered(client, LeaseService.LeaseRevoke, { ID: '2' });
  const lost = await waiting;
  assert.ok(lost instanceof GrpcStatus);
  assert.match(lost.message, /the lease has ended/);
});

test('the lease of whoever waits is kept alive for as long as it waits, as etcd’s server does, and no longer', async (t) => {
  const clock = createSimulatedClock(0);
  const { client } = await startLocal(t, { clock });
  const held = await grant(client, '1', 10_000);
  const short = await grant(client, '2', 6);
  const { key } = await answered(client, LockService.Lock, { name: 'l', lease: held });
  const waiting = client.call(LockService.Lock, { name: 'l', lease: short });
  await until('it waits', async () => (await keysUnder(client, 'l/')).length === 2);
  for (let left = 60; left > 0; left--) await clock.advance(1_000);
  await answered(client, LockService.Unlock, { key });
  const next = await waiting;
  assert.ok(!(next instanceof GrpcStatus), next instanceof GrpcStatus ? next.message : '');
  await clock.advance(6_000);
  assert.deepEqual(await keysUnder(client, 'l/'), []);
});

test('an election: one leads, proclaims, resigns, and the next leads', async (t) => {
  const { client, errors } = await startLocal(t);
  await grant(client, '1');
  await grant(client, '2');
  const noLeader = new GrpcStatus(2, 'election: no leader');
  assert.deepEqual(await client.call(ElectionService.Leader, { name: 'e' }), noLeader);
  const observer = client.open(ElectionService.Observe);
  observer.send({ name: 'e' });
  const { leader } = await answered(client, ElectionService.Campaign, { name: 'e', lease: '1', value: 'one' });
  const second = client.call(ElectionService.Campaign, { name: 'e', lease: '2', value: 'two' });
  assert.equal((await answered(client, ElectionService.Leader, { name: 'e' })).kv?.value, 'one');
  await answered(client, ElectionService.Proclaim, { leader, value: 'uno' });
  await until('the second waits', async () => (await keysUnder(client, 'e/')).length === 2);
  await answered(client, ElectionService.Resign, { leader });
  const elected = await second;
  assert.ok(!(elected instanceof GrpcStatus));
  assert.deepEqual(
    await client.call(ElectionService.Proclaim, { leader, value: 'late' }),
    new GrpcStatus(2, 'election: not leader'),
  );
  await answered(client, ElectionService.Proclaim, { leader: elected.leader, value: 'due' });
  const seen: (string | undefined)[] = [];
  for (let i = 0; i < 4; i += 1) seen.push((await observer.next())?.kv?.value);
  assert.deepEqual(seen, ['one', 'uno', 'two', 'due']);
  observer.cancel();
  assert.deepEqual(errors, []);
});

test('a candidate that campaigns again with its lease changes what it proclaims', async (t) => {
  const { client } = await startLocal(t);
  await grant(client, '1');
  const first = await answered(client, ElectionService.Campaign, { name: 'e', lease: '1', value: 'a' });
  const again = await answered(client, ElectionService.Campaign, { name: 'e', lease: '1', value: 'b' });
  assert.deepEqual(again.leader, first.leader);
  assert.equal((await answered(client, ElectionService.Leader, { name: 'e' })).kv?.value, 'b');
});
