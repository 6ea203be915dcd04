/** fleet's API as fleetctl uses it: the requests of each of its verbs, recorded from fleetctl 1.0, are answered alike. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { comparable, type Exchange, parseBody, type Sequence } from '../contract/fleetctl/sequence.ts';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const recorded = new URL('../contract/fleetctl/sequences.json', import.meta.url);

test('what fleetctl asks is answered as it was when fleetctl itself was satisfied', async (t) => {
  const sequences: Sequence[] = JSON.parse(await readFile(recorded, 'utf8'));
  const { cluster } = await startTestCluster(t, { nodes: 1, api: true });
  const port = cluster.file.apis[0]?.port;
  await until('the API answers', () =>
    fetch(`http://127.0.0.1:${port}/fleet/v1/machines`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  for (const { command, requests } of sequences) {
    await t.test(`fleetctl ${command}`, async () => {
      for (const exchange of requests) await play(`http://127.0.0.1:${port}`, exchange);
    });
  }
});

/** fleetctl asks a second time only when the first answer is not what it waits for. */
async function play(origin: string, exchange: Exchange): Promise<void> {
  const expected = { status: exchange.status, answer: comparable(exchange.answer) };
  let last: unknown;
  await until(`${exchange.method} ${exchange.url} is answered as recorded`, async () => {
    last = await ask(origin, exchange);
    return exchange.method !== 'GET' || JSON.stringify(last) === JSON.stringify(expected);
  }).catch(() => undefined);
  assert.deepEqual(last, expected, `${exchange.method} ${exchange.url}`);
}

async function ask(origin: string, { method, url, contentType, body }: Exchange) {
  const response = await fetch(`${origin}${url}`, {
    method,
    headers: contentType === undefined ? {} : { 'content-type': contentType },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, answer: comparable(parseBody(await response.text())) };
}
