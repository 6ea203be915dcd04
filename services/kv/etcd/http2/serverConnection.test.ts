/** Node's own client (nghttp2) is the judge of what a good client sees; RFC 9113 of what a bad one is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { connect as connectSocket, Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { until } from '../../../../test/support/until.ts';
import { encodeHeaders } from './encodeHeaders.ts';
import { FlushTurns } from './flushTurns.ts';
import { FrameSender } from './frameSender.ts';
import { frame, numberFrame, settingsFrame } from './frames.ts';
import { Flag, FrameType, preface, Setting } from './protocol.ts';
import { heldPath, retirePath, startEchoServer } from './testing/echoServer.ts';
import { converse, greeting, type ReceivedFrame, verdictOf } from './testing/rawClient.ts';

interface Echo {
  body: Buffer;
  trailers: Record<string, unknown>;
}

async function ask(session: ClientHttp2Session, body: Buffer, headers: Record<string, string> = {}): Promise<Echo> {
  const stream = session.request({ ':method': 'POST', ':path': '/echo', ...headers });
  const chunks: Buffer[] = [];
  let trailers: Record<string, unknown> = {};
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.end(body);
  await once(stream, 'close');
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  return { body: Buffer.concat(chunks), trailers };
}

function open(t: { after(fn: () => void): void }, port: number, settings = {}): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { settings });
  t.after(() => session.destroy());
  return session;
}

test('bodies of any size go both ways, whatever window the client gives', async (t) => {
  const { port, streams } = await startEchoServer(t);
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(3_000_000)), { minLength: 1, maxLength: 4 });
  const windows = fc.constantFrom(100, 16_384, 65_535, 1_000_000);
  const property = fc.asyncProperty(sizes, windows, async (lengths, initialWindowSize) => {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } });
    const bodies = lengths.map((length, index) => Buffer.alloc(Math.min(length, initialWindowSize * 1000), index + 1));
    const echoes = await Promise.all(bodies.map((body) => ask(session, body)));
    session.destroy();
    for (const [index, { body }] of echoes.entries()) assert.ok(body.equals(bodies[index] as Buffer));
  });
  await fc.assert(property, { numRuns: 25 });
  await until('every stream is over', () => streams.size === 0);
});

test('headers arrive as they were sent, however the client packs them', async (t) => {
  const { port } = await startEchoServer(t);
  const session = open(t, port);
  const text = fc.string({
    unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
    maxLength: 300,
  });
  const value = text.map((chars) => chars.replaceAll('\x7f', ''));
  const property = fc.asyncProperty(value, fc.boolean(), async (sent, often) => {
    for (let count = often ? 3 : 1; count > 0; count--) {
      const { trailers } = await ask(session, Buffer.alloc(0), { 'x-echo': sent, ':path': '/a?b=c' });
      assert.equal(trailers['x-echo'], sent);
      assert.equal(trailers['x-path'], '/a?b=c');
    }
  });
  await fc.assert(property, { numRuns: 200 });
});

test('a client whose header table is smaller, or larger, is understood and understands', async (t) => {
  const { port } = await startEchoServer(t);
  for (const headerTableSize of [0, 100, 65_536]) {
    const session = open(t, port, { headerTableSize });
    for (const value of ['one', 'one', 'two']) {
      const { trailers } = await ask(session, Buffer.from('x'), { 'x-echo': value });
      assert.equal(trailers['x-echo'], value);
    }
  }
});

test('a ping is answered, a reset frees its stream, a connection that ends frees all of its', async (t) => {
  const { port, streams } = await startEchoServer(t);
  const session = open(t, port);
  await once(session, 'connect');
  await new Promise((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve(null))));
  const [one, other] = [1, 2].map(() => session.request({ ':method': 'POST', ':path': '/' }));
  await until('both are there', () => streams.size === 2);
  one?.on('error', () => {});
  one?.close(constants.NGHTTP2_CANCEL);
  await until('one is gone', () => streams.size === 1);
  other?.on('error', () => {});
  session.destroy();
  await until('so is the other', () => streams.size === 0);
});

test('who does not read makes the server wait, not its memory grow', async (t) => {
  const { port, streams } = await startEchoServer(t);
  const session = open(t, port, { initialWindowSize: 1000 });
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.end(Buffer.alloc(8_000_000));
  await until('it is full', () => [...streams].some(({ queuedBytes }) => queuedBytes > 16_384));
  const most = Math.max(...[...streams].map(({ queuedBytes }) => queuedBytes));
  assert.ok(most < 200_000, `${most} bytes wait`);
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(stream, 'close');
  assert.equal(received, 8_000_000);
});

const request = encodeHeaders({ ':method': 'POST', ':scheme': 'http', ':path': '/', te: 'trailers' });
const endHeaders = Flag.EndHeaders;
const endBoth = Flag.EndHeaders | Flag.EndStream;
const held = frame(
  FrameType.Headers,
  endHeaders,
  1,
  encodeHeaders({ ':method': 'POST', ':scheme': 'http', ':path': heldPath }),
);
const opened = frame(FrameType.Headers, endHeaders, 1, request);
const block = (fields: Record<string, string>) => frame(FrameType.Headers, endBoth, 1, encodeHeaders(fields));
const four = Buffer.from([0, 0, 0, 8]);

/** What RFC 9113 calls an error, and of what kind it is. */
const violations: [name: string, verdict: string, ...frames: Buffer[]][] = [
  ['data on no stream', 'connection: ProtocolError', frame(FrameType.Data, 0, 0, four)],
  ['data on a stream that was not opened', 'connection: ProtocolError', frame(FrameType.Data, 0, 1, four)],
  ['data after the end', 'stream 1: StreamClosed', held, frame(0, 1, 1), frame(0, 0, 1, four)],
  ['more padding than data', 'connection: ProtocolError', opened, frame(0, Flag.Padded, 1, Buffer.from([9, 1]))],
  ['a stream of the server', 'connection: ProtocolError', frame(FrameType.Headers, endHeaders, 2, request)],
  ['headers of no stream', 'connection: ProtocolError', frame(FrameType.Headers, endHeaders, 0, request)],
  [
    'headers left off',
    'connection: ProtocolError',
    frame(FrameType.Headers, 0, 1, request),
    frame(FrameType.Ping, 0, 0, Buffer.alloc(8)),
  ],
  ['a continuation of nothing', 'connection: ProtocolError', frame(FrameType.Continuation, endHeaders, 1, request)],
  [
    'headers that are not coded',
    'connection: CompressionError',
    frame(FrameType.Headers, endBoth, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
  ],
  [
    'a header that is in no table',
    'connection: CompressionError',
    frame(FrameType.Headers, endBoth, 1, Buffer.from([0xfe])),
  ],
  ['headers without a path', 'stream 1: ProtocolError', block({ ':method': 'POST', ':scheme': 'http' })],
  [
    'a pseudo-header after others',
    'stream 1: ProtocolError',
    block({ ':method': 'POST', ':scheme': 'http', a: 'b', ':path': '/' }),
  ],
  ['a response of a client', 'stream 1: ProtocolError', block({ ':status': '200' })],
  [
    'a header in capitals',
    'stream 1: ProtocolError',
    block({ ':method': 'POST', ':scheme': 'http', ':path': '/', Te: 'trailers' }),
  ],
  [
    'a header of HTTP/1.1',
    'stream 1: ProtocolError',
    block({ ':method': 'POST', ':scheme': 'http', ':path': '/', connection: 'close' }),
  ],
  [
    'trailers without an end',
    'stream 1: ProtocolError',
    opened,
    frame(FrameType.Headers, endHeaders, 1, encodeHeaders({ a: 'b' })),
  ],
  ['settings of a stream', 'connection: ProtocolError', frame(FrameType.Settings, 0, 1)],
  ['half a setting', 'connection: FrameSizeError', frame(FrameType.Settings, 0, 0, four)],
  ['a window that is too large', 'connection: FlowControlError', settingsFrame([[Setting.InitialWindowSize, 2 ** 31]])],
  ['frames that are too small', 'connection: ProtocolError', settingsFrame([[Setting.MaxFrameSize, 100]])],
  ['a short ping', 'connection: FrameSizeError', frame(FrameType.Ping, 0, 0, four)],
  ['a window that grows by nothing', 'connection: ProtocolError', numberFrame(FrameType.WindowUpdate, 0, 0)],
  [
    'a window of a stream that grows by nothing',
    'stream 1: ProtocolError',
    opened,
    numberFrame(FrameType.WindowUpdate, 1, 0),
  ],
  [
    'a window that grows too large',
    'connection: FlowControlError',
    numberFrame(FrameType.WindowUpdate, 0, 2 ** 31 - 1),
  ],
  ['a reset of what never was', 'connection: ProtocolError', numberFrame(FrameType.RstStream, 5, 8)],
  ['a push', 'connection: ProtocolError', frame(FrameType.PushPromise, endHeaders, 1, four)],
  ['a frame that is too large', 'connection: FrameSizeError', frame(FrameType.Data, 0, 1, Buffer.alloc(16_385))],
  [
    'headers without end',
    'connection: EnhanceYourCalm',
    frame(FrameType.Headers, 0, 1, request),
    ...Array.from({ length: 70 }, () => frame(FrameType.Continuation, 0, 1)),
  ],
];

test('what a client does wrong is told by its name, and hurts nobody else', async (t) => {
  const { port, streams } = await startEchoServer(t);
  const other = open(t, port);
  for (const [name, verdict, ...frames] of violations) {
    assert.equal(verdictOf(await converse(port, greeting, Buffer.concat(frames))), verdict, name);
  }
  assert.equal((await ask(other, Buffer.from('still here'))).body.toString(), 'still here');
  await until('nothing is left of them', () => streams.size === 0);
});

test('what RFC 9113 leaves open or says to pass over is passed over', async (t) => {
  const { port } = await startEchoServer(t);
  const answered = [
    [frame(FrameType.Priority, 0, 1, Buffer.alloc(5)), frame(99, 0xff, 7, four), opened, frame(0, 1, 1, four)],
    [
      frame(
        FrameType.Headers,
        endHeaders | Flag.Priority | Flag.Padded,
        1,
        Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 9]), request, Buffer.alloc(2)]),
      ),
      frame(0, 1, 1, four),
    ],
    [opened, frame(0, 0, 1, four), frame(FrameType.Headers, endBoth, 1, encodeHeaders({ 'x-trailer': '1' }))],
    [
      opened,
      numberFrame(FrameType.RstStream, 1, 8),
      frame(0, 1, 1, four),
      frame(FrameType.Headers, endHeaders, 3, request),
      frame(0, 1, 3, four),
    ],
  ];
  for (const frames of answered) {
    const received = await converse(port, greeting, ...frames);
    assert.equal(verdictOf(received), 'none');
    assert.deepEqual(bodyOf(received), four);
  }
});

function bodyOf(frames: readonly ReceivedFrame[]): Buffer {
  return Buffer.concat(frames.filter(({ type }) => type === FrameType.Data).map(({ payload }) => payload));
}

test('who sends pings and does not read is not listened to', async (t) => {
  const { port } = await startEchoServer(t);
  const socket = connectSocket(port, '127.0.0.1').pause();
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(greeting);
  const pings = Buffer.concat(Array.from({ length: 4_000 }, () => frame(FrameType.Ping, 0, 0, Buffer.alloc(8))));
  // The two kernels' buffers take some megabytes; then nothing more goes out.
  for (let count = 0; count < 500; count++) socket.write(pings);
  let last = -1;
  await until('it is stuck', () => {
    const stuck = socket.bytesWritten - socket.writableLength === last;
    last = socket.bytesWritten - socket.writableLength;
    return stuck && socket.writableLength > 0;
  });
  socket.resume();
  await until('all of it was read', () => socket.bytesRead > 500 * pings.length);
});

test('answers that nobody has room for cost their client its connection, not the memory', () => {
  const socket = new Socket();
  const sender = new FrameSender(socket, new FlushTurns(), () => {});
  sender.countQueued(400 * 1024 * 1024);
  sender.countQueued(-300 * 1024 * 1024);
  assert.equal(socket.destroyed, false);
  sender.countQueued(500 * 1024 * 1024);
  assert.equal(socket.destroyed, true);
});

test('a client that sends data is pinged, and again when it sends more after its answer', async (t) => {
  const { port } = await startEchoServer(t);
  const session = open(t, port);
  const stream = session.request({ ':method': 'POST', ':path': heldPath });
  stream.on('error', () => {});
  for (let time = 0; time < 3; time++) {
    stream.write('data');
    await once(session, 'ping');
    // Its answer is on its way before what this one sends next.
    await new Promise((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve(null))));
  }
});

test('a client hears at once that a part of its request has come, and not that nothing has', async (t) => {
  const { port } = await startEchoServer(t);
  const parts = [frame(0, 0, 1, four), frame(0, 0, 1), frame(0, Flag.EndStream, 1, Buffer.alloc(1_000))];
  const received = await converse(port, greeting, opened, ...parts);
  const credits = received.filter(({ type, stream }) => type === FrameType.WindowUpdate && stream === 0);
  // The first is of the server's greeting.
  const given = credits.slice(1).map(({ payload }) => payload.readUInt32BE(0));
  assert.deepEqual(given, [4, 1_000]);
});

test('after the goodbye what had come is answered, and nothing that comes later', async (t) => {
  const { port } = await startEchoServer(t);
  const post = (stream: number, path: string) =>
    frame(
      FrameType.Headers,
      endHeaders,
      stream,
      encodeHeaders({ ':method': 'POST', ':scheme': 'http', ':path': path }),
    );
  const end = (stream: number) => frame(FrameType.Data, Flag.EndStream, stream, four);
  const parts = [post(1, heldPath), post(3, retirePath), post(5, '/'), end(5), post(7, '/'), end(3), end(7)];
  const ping = frame(FrameType.Ping, 0, 0, Buffer.from('are you?'));
  const received = await converse(port, greeting, ...parts, ping);
  const goodbyes = received.filter(({ type }) => type === FrameType.GoAway);
  assert.deepEqual(
    goodbyes.map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]),
    [[3, 0]],
  );
  const answered = received.filter(({ type, stream }) => type === FrameType.Data && stream > 0);
  assert.deepEqual(
    answered.map(({ stream, payload }) => [stream, payload]),
    [[3, four]],
  );
  assert.ok(received.some(({ type, payload }) => type === FrameType.Ping && payload.equals(Buffer.from('are you?'))));
  assert.ok(received.every(({ stream }) => stream <= 3));
});

test('a good client is told to go elsewhere, and gets what it had asked for', async (t) => {
  const { port } = await startEchoServer(t);
  const session = open(t, port);
  const told = once(session, 'goaway');
  const { body } = await ask(session, Buffer.from('last words'), { ':path': retirePath });
  assert.equal(body.toString(), 'last words');
  const [code, last] = await told;
  assert.deepEqual([code, last], [constants.NGHTTP2_NO_ERROR, 1]);
});

test('many settings at once cost no more than one', async (t) => {
  const { port } = await startEchoServer(t);
  const windows = settingsFrame(
    Array.from({ length: 2_000 }, (_, index) => [Setting.InitialWindowSize, index] as const),
  );
  const opening = Array.from({ length: 2_000 }, (_, index) =>
    frame(FrameType.Headers, endHeaders, 2 * index + 1, request),
  );
  const frames = [...opening, ...Array.from({ length: 10 }, () => windows)];
  assert.equal(verdictOf(await converse(port, greeting, Buffer.concat(frames))), 'none');
});

test('it does not matter in which parts the bytes arrive', async (t) => {
  const { port } = await startEchoServer(t);
  const body = frame(FrameType.Data, Flag.EndStream, 1, Buffer.from('a body'));
  const bytes = Buffer.concat([
    greeting,
    frame(FrameType.Headers, 0, 1, request.subarray(0, 5)),
    frame(FrameType.Continuation, endHeaders, 1, request.subarray(5)),
    body,
  ]);
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
  const property = fc.asyncProperty(cuts, async (at) => {
    const places = [0, ...at.toSorted((one, two) => one - two), bytes.length];
    const parts = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
    assert.equal(bodyOf(await converse(port, ...parts)).toString(), 'a body');
  });
  await fc.assert(property, { numRuns: 60 });
});

test('whatever frames arrive, the server goes on', async (t) => {
  const { port, streams } = await startEchoServer(t);
  const payload = fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constant(request));
  const anyFrame = fc
    .tuple(fc.nat(10), fc.nat(255), fc.constantFrom(0, 1, 1, 3, 3, 5, 2), payload)
    .map(([type, flags, stream, bytes]) => frame(type, flags, stream, bytes));
  const property = fc.asyncProperty(fc.array(anyFrame, { maxLength: 12 }), fc.boolean(), async (frames, greeted) => {
    await converse(port, greeted ? greeting : preface, Buffer.concat(frames));
  });
  await fc.assert(property, { numRuns: 300 });
  const session = open(t, port);
  assert.equal((await ask(session, Buffer.from('still here'))).body.toString(), 'still here');
  await until('nothing is left of them', () => streams.size === 0);
});
