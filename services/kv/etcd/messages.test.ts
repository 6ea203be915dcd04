import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { generateMessages } from '../../../scripts/generateMessages.ts';
import { KVService, LeaseService, WatchService } from './messages.ts';
import type { Codec } from './wire/codec.ts';
import { ProtoReader } from './wire/protoReader.ts';
import { ProtoWriter } from './wire/protoWriter.ts';

const protoDir = new URL('proto/', import.meta.url);

async function definitions(): Promise<protobuf.Root> {
  const root = new protobuf.Root();
  for (const name of await readdir(protoDir)) protobuf.parse(await readFile(new URL(name, protoDir), 'utf8'), root);
  root.resolveAll();
  return root;
}

function encode<T>(codec: Codec<T>, message: Parameters<Codec<T>['write']>[1], writer = new ProtoWriter()): Buffer {
  codec.write(writer, message);
  return writer.finish();
}

function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return codec.read(new ProtoReader(Buffer.from(bytes)));
}

test('messages.ts is what the definitions say: npm run generate', async () => {
  assert.equal(await readFile(new URL('messages.ts', import.meta.url), 'utf8'), await generateMessages());
});

const plain = { noNullPrototype: true };
const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 200,
});
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
const number = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -200, max: 200 }));
const keyValue = fc.record(
  {
    key: bytes,
    value: bytes,
    createRevision: number,
    modRevision: number,
    version: number,
    lease: int64,
  },
  plain,
);
const header = fc.record({ clusterId: uint64, memberId: uint64, revision: number, raftTerm: fc.maxSafeNat() }, plain);

test('what is written is read again, every int64 and every byte exactly', () => {
  const response = fc.record(
    { header, kvs: fc.array(keyValue, { maxLength: 4 }), more: fc.boolean(), count: number },
    plain,
  );
  const writer = new ProtoWriter();
  fc.assert(
    fc.property(response, (message) => {
      const codec = KVService.Range.response;
      assert.deepEqual(decode(codec, encode(codec, message, writer)), message);
    }),
    { numRuns: 500 },
  );
});

test('protobufjs reads what we write and writes what we read', async () => {
  const root = await definitions();
  const type = root.lookupType('etcdserverpb.WatchResponse');
  const response = fc.record(
    {
      header,
      watchId: int64,
      created: fc.boolean(),
      canceled: fc.boolean(),
      compactRevision: number,
      cancelReason: fc.string({ unit: 'grapheme' }),
      fragment: fc.boolean(),
      events: fc.array(fc.record({ type: fc.constantFrom(0, 1), kv: keyValue, prevKv: keyValue }, plain), {
        maxLength: 3,
      }),
    },
    plain,
  );
  fc.assert(
    fc.property(response, (message) => {
      const codec = WatchService.Watch.response;
      const reread = type.encode(type.decode(encode(codec, message))).finish();
      assert.deepEqual(decode(codec, reread), message);
    }),
    { numRuns: 300 },
  );
});

test('messages larger than a slab are whole, and those before stay as they were', () => {
  const writer = new ProtoWriter();
  const codec = KVService.Put.request;
  const messages = [10, 70_000, 3, 1_000_000, 50_000, 60_000].map((length, i) => ({
    key: `k${i}`,
    value: '\xe9'.repeat(length),
  }));
  const encoded = messages.map((message) => encode(codec, message, writer));
  for (const [i, message] of messages.entries()) {
    const { key, value } = decode(codec, encoded[i] ?? Buffer.alloc(0));
    assert.deepEqual({ key, value }, message);
  }
});

test('fields that nobody knows are passed over, of every wire type', () => {
  const known = encode(LeaseService.LeaseGrant.request, { ID: '7', TTL: 60 });
  const unknown = Buffer.from([
    0xf8, 0x07, 0x05, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x07, 2, 9, 9, 0xfd, 0x07, 1, 2, 3, 4,
  ]);
  assert.deepEqual(decode(LeaseService.LeaseGrant.request, Buffer.concat([unknown, known, unknown])), {
    ID: '7',
    TTL: 60,
  });
});

test('repeated numbers are read packed and one by one', () => {
  const request = WatchService.Watch.request;
  const packed = encode(request, { createRequest: { key: 'a', filters: [0, 1] } });
  assert.deepEqual(decode(request, packed).createRequest?.filters, [0, 1]);
  const oneByOne = Buffer.from([0x0a, 4, 0x28, 0, 0x28, 1]);
  assert.deepEqual(decode(request, oneByOne).createRequest?.filters, [0, 1]);
});
