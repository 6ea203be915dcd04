/** etcd's own gateway is the judge: what it answers to the same HTTP requests, field by field. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { until } from '../../../../test/support/until.ts';
import { skipWithout, startRealEtcd } from '../testing/realEtcd.ts';
import { startLocal } from '../testing/startLocal.ts';

const skip = await skipWithout('etcd');

const b64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
type Asked = [path: string, body: unknown];

interface Answer {
  status: number;
  body: unknown;
}

async function post(port: number, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: 'POST', body: text, headers });
  return { status: asLater(response.status), body: parsed(await response.text()) };
}

/** 3.4 answers a failed precondition with 412, 3.5 with 400. */
const asLater = (status: number) => (status === 412 ? 400 : status);

/** What has to differ is left out; a stream is a list. */
function parsed(text: string): unknown {
  const own = new Set(['cluster_id', 'member_id', 'raft_term', 'token', 'details', 'http_status']);
  try {
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line, (key, value) => (own.has(key) ? undefined : value)));
  } catch {
    return text.trim();
  }
}

/** A request that cannot be read: each says in its own words why. */
const withoutWords = ({ status, body }: Answer) => {
  const [first] = Array.isArray(body) ? body : [];
  return { status, code: (first as { code?: number } | undefined)?.code };
};

const conversation: Asked[] = [
  ['kv/put', { key: b64('a'), value: b64('1') }],
  ['kv/put', { key: b64('\x00\xff~'), value: b64('\xfe') }],
  ['kv/put', { key: b64('b'), value: b64('2'), prev_kv: true }],
  ['kv/put', { key: b64('b'), value: b64('3'), prev_kv: true }],
  ['kv/put', { key: b64('b'), ignoreValue: true, prevKv: true }],
  ['kv/put', { key: '' }],
  ['kv/put', ''],
  ['kv/put', { key: b64('c'), lease: '12345' }],
  ['kv/range', { key: b64('a') }],
  ['kv/range', { key: b64('nothing') }],
  ['kv/range', { key: 'AA==', range_end: 'AA==', sort_order: 'DESCEND', sort_target: 'VALUE', limit: 2 }],
  ['kv/range', { key: 'AA==', rangeEnd: 'AA==', sortOrder: 2, keysOnly: true, limit: '2' }],
  ['kv/range', { key: 'AA==', range_end: 'AA==', count_only: true, revision: null }],
  ['kv/range', { key: b64('a'), revision: '99' }],
  ['kv/range', { key: b64('a'), revision: 9223372036854775807n.toString() }],
  ['kv/range', { key: b64('a'), serializable: true }],
  [
    'kv/txn',
    {
      compare: [
        { target: 'VALUE', key: b64('a'), value: b64('1') },
        { target: 'VERSION', result: 'GREATER', key: b64('b'), version: '1' },
        { target: 'CREATE', result: 'NOT_EQUAL', key: b64('b'), create_revision: 0 },
      ],
      success: [
        { request_put: { key: b64('t'), value: b64('yes') } },
        { request_range: { key: b64('t') } },
        { requestDeleteRange: { key: b64('a'), prev_kv: true } },
      ],
      failure: [{ request_range: { key: b64('a') } }],
    },
  ],
  ['kv/txn', { compare: [{ target: 'MOD', key: b64('t'), mod_revision: '1' }], failure: [{ request_txn: {} }] }],
  ['kv/txn', { success: [{ request_put: { key: b64('x') } }, { request_put: { key: b64('x') } }] }],
  ['kv/txn', {}],
  ['kv/deleterange', { key: b64('b'), prev_kv: true }],
  ['kv/deleterange', { key: b64('b') }],
  ['kv/compaction', { revision: '4', physical: true }],
  ['kv/compaction', { revision: '4' }],
  ['kv/compaction', { revision: '400' }],
  ['kv/range', { key: b64('b'), revision: 3 }],
  ['lease/grant', '{"TTL":100,"ID":7587869393939393939}'],
  ['kv/put', `{"key":"${b64('long')}","lease":7587869393939393939}`],
  ['kv/put', `{"key":"${b64('long')}"} and more`],
  ['kv/put', { key: `${b64('abc')}\n${b64('de')}` }],
  ['kv/put', 'null'],
  ['lease/revoke', '{"ID":7587869393939393939}'],
  ['lease/grant', { TTL: '100', ID: '77' }],
  ['lease/grant', { TTL: 100, ID: 77 }],
  ['kv/put', { key: b64('leased'), lease: 77 }],
  ['lease/keepalive', { ID: '77' }],
  ['lease/keepalive', { ID: '78' }],
  ['lease/keepalive', '{"ID":"77"}{"ID":78}\n {"ID":77}'],
  ['kv/lease/timetolive', { ID: '78' }],
  ['kv/lease/leases', {}],
  ['kv/lease/revoke', { ID: '77' }],
  ['kv/lease/revoke', { ID: '77' }],
  ['kv/range', { key: b64('leased') }],
  ['auth/user/add', { name: 'root', password: 'secret' }],
  ['auth/user/add', { name: 'root', password: 'secret' }],
  ['auth/user/get', { name: 'nobody' }],
  ['auth/role/add', { name: 'reads' }],
  ['auth/role/grant', { name: 'reads', perm: { permType: 'READ', key: b64('a'), range_end: b64('b') } }],
  ['auth/role/get', { role: 'reads' }],
  ['auth/role/list', {}],
  ['auth/user/grant', { user: 'root', role: 'root' }],
  ['auth/user/list', ''],
  ['auth/authenticate', { name: 'root', password: 'secret' }],
  ['election/leader', { name: b64('e') }],
  ['nothing', {}],
];

const malformed: Asked[] = [
  ['kv/put', '{'],
  ['kv/put', 'nonsense'],
  ['kv/put', '[]'],
  ['kv/put', { key: 'no base64!' }],
  ['kv/put', { key: 5 }],
  ['kv/put', { key: b64('a'), nothing: 1 }],
  ['kv/put', { key: b64('a'), prev_kv: 'yes' }],
  ['kv/range', { key: b64('a'), limit: 'many' }],
  ['kv/range', { key: b64('a'), limit: 1.5 }],
  ['kv/range', { key: b64('a'), sort_order: 'SIDEWAYS' }],
  ['kv/txn', { success: {} }],
  ['kv/put', { key: b64('a'), lease: (2n ** 64n - 1n).toString() }],
  ['kv/range', { key: b64('a'), sort_order: 1e300 }],
];

const enabling: Asked[] = [
  ['auth/user/add', { name: 'root', password: 'secret' }],
  ['auth/user/grant', { user: 'root', role: 'root' }],
  ['auth/enable', {}],
];

/** Resolves when the answer has begun: with what gives the lines so far. */
async function follow(t: { after(fn: () => void): void }, url: string, body: object): Promise<() => string[]> {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body), signal: stop.signal });
  let text = '';
  const decoder = new TextDecoder();
  const read = async () => {
    for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true });
  };
  read().catch(() => undefined);
  return () => text.split('\n').filter((line) => line !== '');
}

describe("etcd's gateway", { skip }, () => {
  test('answers the same', { timeout: 60_000 }, async (t) => {
    const [theirs, { port: ours, errors }] = [await startRealEtcd(t), await startLocal(t)];
    for (const [path, body] of conversation) {
      const [judged, own] = [await post(theirs, path, body), await post(ours, path, body)];
      assert.deepEqual(own, judged, `${path} ${JSON.stringify(body)}`);
    }
    for (const [path, body] of malformed) {
      const [judged, own] = [await post(theirs, path, body), await post(ours, path, body)];
      assert.deepEqual(withoutWords(own), withoutWords(judged), `${path} ${JSON.stringify(body)}`);
    }
    const get = async (port: number) => (await fetch(`http://127.0.0.1:${port}/v3/kv/range`)).status;
    assert.equal(await get(ours), await get(theirs));
    assert.deepEqual(errors, []);
    t.diagnostic(`${conversation.length} requests, and ${malformed.length} that are none: all the same`);
  });

  test('keys and values of any bytes, puts and ranges', { timeout: 60_000 }, async (t) => {
    const [theirs, { port: ours }] = [await startRealEtcd(t), await startLocal(t)];
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((each) => Buffer.from(each).toString('base64'));
    const key = fc.oneof(bytes, fc.constantFrom(b64('a'), b64('b'), b64('c')));
    const orders = {
      sort_order: fc.constantFrom('NONE', 'ASCEND', 'DESCEND'),
      sort_target: fc.constantFrom('KEY', 'MOD'),
    };
    const flags = { keys_only: fc.boolean(), count_only: fc.boolean(), limit: fc.nat(3) };
    const asked = fc.oneof(
      fc.tuple(fc.constant('kv/put'), fc.record({ key, value: bytes, prev_kv: fc.boolean() })),
      fc.tuple(fc.constant('kv/range'), fc.record({ key, range_end: key, ...orders, ...flags })),
      fc.tuple(fc.constant('kv/deleterange'), fc.record({ key, range_end: key, prev_kv: fc.boolean() })),
    );
    const property = fc.asyncProperty(asked, async ([path, body]) => {
      assert.deepEqual(await post(ours, path, body), await post(theirs, path, body));
    });
    await fc.assert(property, { numRuns: 200, endOnFailure: true });
  });

  test('a watch is a line for each response, from the revision that is asked for', { timeout: 60_000 }, async (t) => {
    const [theirs, { port: ours }] = [await startRealEtcd(t), await startLocal(t)];
    const watch = (port: number, body: object) => follow(t, `http://127.0.0.1:${port}/v3/watch`, body);
    const create = { create_request: { key: b64('a'), range_end: b64('c'), start_revision: '2', prev_kv: true } };
    const watches = await Promise.all([theirs, ours].map((port) => watch(port, create)));
    for (const port of [theirs, ours]) {
      await post(port, 'kv/put', { key: b64('a'), value: b64('1') });
      await post(port, 'kv/put', { key: b64('z'), value: b64('1') });
      await post(port, 'kv/deleterange', { key: b64('a') });
    }
    const [judged, own] = await Promise.all(
      watches.map((lines) => until('it has three lines', () => lines().length === 3 && parsed(lines().join('\n')))),
    );
    assert.deepEqual(own, judged);
  });

  test('who logs in is let in by the token', { timeout: 60_000 }, async (t) => {
    const [theirs, { port: ours }] = [await startRealEtcd(t), await startLocal(t)];
    const outcomes = await Promise.all(
      [theirs, ours].map(async (port) => {
        for (const [path, body] of enabling) assert.equal((await post(port, path, body)).status, 200, path);
        const login = await fetch(`http://127.0.0.1:${port}/v3/auth/authenticate`, {
          method: 'POST',
          body: JSON.stringify({ name: 'root', password: 'secret' }),
        });
        const { token } = JSON.parse(await login.text());
        return [
          await post(port, 'kv/put', { key: b64('a') }),
          await post(port, 'kv/put', { key: b64('a') }, { authorization: token }),
          await post(port, 'auth/authenticate', { name: 'root', password: 'wrong' }),
          await post(port, 'kv/put', { key: b64('a') }, { authorization: 'no token' }),
        ];
      }),
    );
    assert.deepEqual(outcomes[1], outcomes[0]);
  });
});
