import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { AuthService, KVService, LeaseService, WatchService } from './messages.ts';
import { hashPassword, isPassword } from './passwords.ts';
import type { GrpcClient } from './testing/grpcClient.ts';
import { startLocal } from './testing/startLocal.ts';
import { isSignedBy, readToken, signToken } from './tokens.ts';

const invalid = new GrpcStatus(16, 'etcdserver: invalid auth token');

async function enableAuth(client: GrpcClient): Promise<void> {
  const steps = [
    await client.call(AuthService.UserAdd, { name: 'root', password: 'secret' }),
    await client.call(AuthService.UserGrantRole, { user: 'root', role: 'root' }),
    await client.call(AuthService.UserAdd, { name: 'alice', password: 'apple' }),
    await client.call(AuthService.RoleAdd, { name: 'r' }),
    await client.call(AuthService.RoleGrantPermission, { name: 'r', perm: { permType: 0, key: 'a', rangeEnd: 'b' } }),
    await client.call(AuthService.UserGrantRole, { user: 'alice', role: 'r' }),
    await client.call(AuthService.AuthEnable, {}),
  ];
  for (const step of steps) assert.ok(!(step instanceof GrpcStatus), step instanceof GrpcStatus ? step.message : '');
}

async function login(client: GrpcClient, name: string, password: string): Promise<{ token: string }> {
  const answer = await client.call(AuthService.Authenticate, { name, password });
  assert.ok(!(answer instanceof GrpcStatus), answer instanceof GrpcStatus ? answer.message : '');
  return { token: answer.token };
}

test('a token is good for five minutes of its user', async (t) => {
  const clock = createSimulatedClock(1_700_000_000_000);
  const { client } = await startLocal(t, { clock });
  await enableAuth(client);
  const alice = await login(client, 'alice', 'apple');
  assert.ok(!((await client.call(KVService.Range, { key: 'a' }, alice)) instanceof GrpcStatus));
  const denied = new GrpcStatus(7, 'etcdserver: permission denied');
  assert.deepEqual(await client.call(KVService.Range, { key: 'b' }, alice), denied);
  await clock.advance(5 * 60_000);
  assert.deepEqual(await client.call(KVService.Range, { key: 'a' }, alice), invalid);
});

test('a token is void once the password is another, the user gone, or a character of it another', async (t) => {
  const { client } = await startLocal(t);
  await enableAuth(client);
  const root = await login(client, 'root', 'secret');
  const alice = await login(client, 'alice', 'apple');
  const forged = { token: alice.token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) };
  for (const token of [forged.token, 'x', '', 'W10.AA', '.']) {
    assert.deepEqual(await client.call(KVService.Range, { key: 'a' }, { token }), invalid, token);
  }
  await client.call(AuthService.UserChangePassword, { name: 'alice', password: 'pear' }, root);
  assert.deepEqual(await client.call(KVService.Range, { key: 'a' }, alice), invalid);
  const again = await login(client, 'alice', 'pear');
  await client.call(AuthService.UserDelete, { name: 'alice' }, root);
  assert.deepEqual(await client.call(KVService.Range, { key: 'a' }, again), invalid);
});

test('who may not read a range may not watch it', async (t) => {
  const { client } = await startLocal(t);
  await enableAuth(client);
  const stream = client.open(WatchService.Watch, await login(client, 'alice', 'apple'));
  stream.send({ createRequest: { key: 'a', rangeEnd: 'b' } });
  stream.send({ createRequest: { key: 'a', rangeEnd: 'c' } });
  assert.equal((await stream.next())?.canceled, false);
  const refused = await stream.next();
  assert.deepEqual([refused?.canceled, refused?.cancelReason], [true, 'etcdserver: permission denied']);
  const anonymous = client.open(WatchService.Watch);
  anonymous.send({ createRequest: { key: 'a' } });
  assert.equal((await anonymous.next())?.cancelReason, 'etcdserver: user name is empty');
});

test('who may not read a key is not told what lease it is on', async (t) => {
  const { client } = await startLocal(t);
  await enableAuth(client);
  const root = await login(client, 'root', 'secret');
  await client.call(LeaseService.LeaseGrant, { ID: '7', TTL: 60 }, root);
  await client.call(KVService.Put, { key: 'secret', lease: '7' }, root);
  const alice = await login(client, 'alice', 'apple');
  const ask = (keys: boolean) => client.call(LeaseService.LeaseTimeToLive, { ID: '7', keys }, alice);
  assert.deepEqual(await ask(true), new GrpcStatus(7, 'etcdserver: permission denied'));
  assert.ok(!((await ask(false)) instanceof GrpcStatus));
});

test('a password is never on the log, and its hash tells it from any other', async (t) => {
  const { client, service } = await startLocal(t);
  await enableAuth(client);
  const hashed = service.store.auth.password('alice') ?? '';
  assert.ok(!hashed.includes('apple'));
  assert.notEqual(hashed, await hashPassword('apple'), 'it is salted');
  assert.equal(await isPassword('apple', hashed), true);
  assert.equal(await isPassword('Apple', hashed), false);
  assert.equal(await isPassword('apple', ''), false);
});

test('a token says whose it is; with another key or another password it is not signed', () => {
  const claims = { user: 'zoë.x', expiresAt: 5 };
  const token = signToken(claims, 'abcd', 'hash');
  assert.deepEqual(readToken(token), claims);
  assert.equal(isSignedBy(token, 'abcd', 'hash'), true);
  assert.equal(isSignedBy(token, 'abce', 'hash'), false);
  assert.equal(isSignedBy(token, 'abcd', 'hash2'), false);
});

test('a signature has one spelling', () => {
  const token = signToken({ user: 'alice', expiresAt: 5 }, 'abcd', 'hash');
  for (let at = token.indexOf('.') + 1; at < token.length; at += 1) {
    for (const other of ['A', 'B', '=', '.']) {
      const respelled = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
      assert.equal(isSignedBy(respelled, 'abcd', 'hash'), respelled === token, respelled);
    }
  }
  for (const end of ['=', '.', '.x', ' ']) assert.equal(isSignedBy(token + end, 'abcd', 'hash'), false, end);
});
