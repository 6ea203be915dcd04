/** etcdctl and etcd itself are the judges of what TLS means to clients; openssl makes the certificates. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { createSimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import { until } from '../../../test/support/until.ts';
import { makeCertificates } from './testing/certificates.ts';
import { Etcdctl } from './testing/etcdctl.ts';
import { skipWithout, startRealEtcd } from './testing/realEtcd.ts';
import { startLocal } from './testing/startLocal.ts';
import { readTlsFiles, TlsFilesError } from './tlsFiles.ts';

const skip = (await skipWithout('etcdctl')) || (await skipWithout('etcd'));

function filesOf(dir: string, name = 'localhost') {
  return { certFile: join(dir, `${name}.pem`), keyFile: join(dir, `${name}.key`) };
}

/** One who has this certificate, or none. */
function client(t: TestContext, port: number, dir: string, name: string | null): Etcdctl {
  const own: Record<string, string> =
    name === null ? {} : { ETCDCTL_CERT: join(dir, `${name}.pem`), ETCDCTL_KEY: join(dir, `${name}.key`) };
  return new Etcdctl(t, port, {
    ETCDCTL_ENDPOINTS: `https://localhost:${port}`,
    ETCDCTL_CACERT: join(dir, 'ca.pem'),
    ETCDCTL_DIAL_TIMEOUT: '2s',
    ETCDCTL_COMMAND_TIMEOUT: '2s',
    ...own,
  });
}

/** Who, and what it does. */
const asked: [who: string | null, ...command: string[]][] = [
  ['root', 'put', 'a', 'before'],
  ['nobody', 'get', 'a'],
  [null, 'get', 'a'],
  ['root', 'user', 'add', 'root', '--no-password'],
  ['root', 'user', 'grant-role', 'root', 'root'],
  ['root', 'user', 'add', 'reader:secret', '--interactive=false'],
  ['root', 'role', 'add', 'reads'],
  ['root', 'role', 'grant-permission', 'reads', 'read', 'a'],
  ['root', 'user', 'grant-role', 'reader', 'reads'],
  ['root', 'auth', 'enable'],
  ['root', 'put', 'a', 'after'],
  ['root', 'user', 'list'],
  ['reader', 'get', 'a'],
  ['reader', 'put', 'a', 'mine'],
  ['reader', 'user', 'list'],
  ['nobody', 'get', 'a'],
  ['nobody', 'user', 'list'],
  ['nobody', 'user', 'get', 'root'],
  ['nobody', 'user', 'get', 'nobody'],
  ['nobody', 'user', 'delete', 'reader'],
  ['nobody', 'role', 'list'],
  ['nobody', 'role', 'get', 'reads'],
  ['nobody', 'role', 'add', 'x'],
  ['nobody', 'put', 'a', 'mine'],
  ['nobody', 'alarm', 'list'],
  ['nobody', 'compact', '1'],
  ['nobody', 'auth', 'disable'],
  ['reader', 'role', 'list'],
  ['reader', 'compact', '2'],
  ['reader', 'alarm', 'list'],
  // Who brings a token is the token's.
  ['root', 'put', 'a', 'mine', '--user', 'reader:secret'],
  ['nobody', 'get', 'a', '--user', 'reader:secret'],
  ['root', 'get', 'a', '--user', 'reader:wrong'],
];

test('a certificate says who a client is, as with etcd', { skip, timeout: 120_000 }, async (t) => {
  const dir = await makeCertificates(t, 'localhost', 'root', 'reader', 'nobody');
  const tls = { ...filesOf(dir), trustedCaFile: join(dir, 'ca.pem'), clientCertAuth: true };
  const [theirs, { port: ours, errors }] = [await startRealEtcd(t, tls), await startLocal(t, { tls })];
  for (const [who, ...command] of asked) {
    const [judged, own] = await Promise.all([theirs, ours].map((port) => client(t, port, dir, who).run(command)));
    assert.deepEqual(own, judged, `${who}: ${command.join(' ')}`);
  }
  assert.deepEqual(errors, []);
});

test('without --client-cert-auth a certificate says nothing, as with etcd', { skip, timeout: 60_000 }, async (t) => {
  const dir = await makeCertificates(t, 'localhost', 'root');
  const tls = { ...filesOf(dir), trustedCaFile: join(dir, 'ca.pem'), clientCertAuth: false };
  const [theirs, { port: ours }] = [await startRealEtcd(t, tls), await startLocal(t, { tls })];
  const commands = [
    ['user', 'add', 'root:secret', '--interactive=false'],
    ['user', 'grant-role', 'root', 'root'],
    ['auth', 'enable'],
    ['put', 'a', 'x'],
    ['put', 'a', 'x', '--user', 'root:secret'],
  ];
  for (const command of commands) {
    const [judged, own] = await Promise.all([theirs, ours].map((port) => client(t, port, dir, 'root').run(command)));
    assert.deepEqual(own, judged, command.join(' '));
  }
});

async function handshake(port: number, ca: Buffer, protocols: string[] = []): Promise<TLSSocket> {
  const socket = connect({ port, host: 'localhost', ca, ALPNProtocols: protocols });
  await once(socket, 'secureConnect');
  return socket;
}

test('health is asked over TLS by whoever speaks HTTP/1.1, or both', async (t) => {
  const dir = await makeCertificates(t, 'localhost');
  const ca = await readFile(join(dir, 'ca.pem'));
  const { port } = await startLocal(t, { tls: { ...filesOf(dir), clientCertAuth: false } });
  const socket = await handshake(port, ca, ['h2', 'http/1.1']);
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  const [response] = await once(get({ port, host: 'localhost', ca, path: '/health', agent: false }), 'response');
  assert.equal(response.statusCode, 200);
  response.resume();
});

test('a client that does not speak TLS is let go, and others are served', async (t) => {
  const dir = await makeCertificates(t, 'localhost');
  const { port, client: plain } = await startLocal(t, { tls: { ...filesOf(dir), clientCertAuth: false } });
  const answer = await fetch(`http://localhost:${port}/health`).catch((error: Error) => error);
  assert.ok(answer instanceof Error);
  plain.close();
  (await handshake(port, await readFile(join(dir, 'ca.pem')))).destroy();
});

test('a new certificate is used without a restart; a broken one is told of, and the old one stays', async (t) => {
  const [dir, other] = [await makeCertificates(t, 'localhost'), await makeCertificates(t, 'localhost')];
  const clock = createSimulatedClock(Date.now());
  const files = filesOf(dir);
  const { port, errors } = await startLocal(t, { clock, tls: { ...files, clientCertAuth: false } });
  const [ca, otherCa] = [await readFile(join(dir, 'ca.pem')), await readFile(join(other, 'ca.pem'))];
  const isServed = async (by: Buffer) => {
    const socket = await handshake(port, by).catch(() => null);
    socket?.destroy();
    return socket !== null;
  };
  assert.deepEqual([await isServed(ca), await isServed(otherCa)], [true, false]);
  await writeFile(files.keyFile, 'no key');
  await clock.advance(60_000);
  await until('the broken file is told of', () => errors.length > 0);
  assert.match(String(errors.pop()), /--key-file .*localhost\.key/);
  assert.equal(await isServed(ca), true);
  for (const file of ['localhost.pem', 'localhost.key']) await copyFile(join(other, file), join(dir, file));
  await until('the new one is served', async () => {
    await clock.advance(60_000);
    return isServed(otherCa);
  });
  assert.equal(await isServed(ca), false);
});

test('files that cannot be used are named, all of them', async (t) => {
  const [dir, other] = [await makeCertificates(t, 'localhost'), await makeCertificates(t, 'localhost')];
  const { certFile } = filesOf(dir);
  const { keyFile } = filesOf(other);
  const refused = (files: Parameters<typeof readTlsFiles>[0], ...patterns: RegExp[]) =>
    assert.rejects(readTlsFiles(files), (error) => {
      assert.ok(error instanceof TlsFilesError);
      for (const pattern of patterns) assert.match(error.message, pattern);
      return true;
    });
  await refused({ certFile: '/no/cert', keyFile: '/no/key' }, /--cert-file \/no\/cert/, /--key-file \/no\/key/);
  await refused({ certFile: keyFile, keyFile: certFile }, /--cert-file/, /--key-file/);
  await refused({ certFile, keyFile }, /is not the key of the certificate/);
  const trustedCaFile = keyFile;
  await refused({ ...filesOf(dir), trustedCaFile }, /--trusted-ca-file/);
});
