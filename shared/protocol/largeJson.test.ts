import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeLargeJson, encodeLargeJson } from './largeJson.ts';

test('what was encoded is decoded again', () => {
  // JSON itself knows no -0.
  const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => assert.deepEqual(decodeLargeJson(encodeLargeJson(value)), asJson(value))),
  );
});

test('50,000 units fit into a message', () => {
  const units = Array.from({ length: 50_000 }, (_, i) => ({
    ...{ unit: `web@${i}.service`, machine: (i % 1_000).toString(16).padStart(32, '0'), ip: `10.0.${i % 250}.1` },
    ...{ load: 'loaded', active: 'active', sub: 'running', hash: 'a'.repeat(40), result: 'success', since: 1.7e12 + i },
  }));
  const data = encodeLargeJson({ ok: true, seq: 1, data: { units } });
  assert.ok(data.length < 1024 * 1024, `${data.length} bytes`);
  assert.deepEqual(decodeLargeJson<{ data: { units: unknown } }>(data).data.units, units);
});
