import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BusMessage } from '../shared/bus/bus.ts';
import { createMemoryNetwork } from '../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../shared/clock/simulatedClock.ts';
import type { Command } from '../shared/protocol/commands.ts';
import { decodeJson, encodeJson } from '../shared/protocol/json.ts';
import { type JournalReply, type JournalRequest, journalKeepAliveMs } from '../shared/protocol/node.ts';
import type { Query } from '../shared/protocol/queries.ts';
import { subjects } from '../shared/protocol/subjects.ts';
import { createClient } from './client.ts';

/** A client, and the other side of its bus. */
function setUp() {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const told: string[] = [];
  let ids = 0;
  const client = createClient({
    bus: network.connect(),
    openLog: () => assert.fail('no log is needed'),
    clock,
    ids: () => `id-${++ids}`,
    by: 'me@here',
    address: 'nats://test',
    onWaiting: (line) => told.push(line),
  });
  const cluster = network.connect();
  const serve = (subject: string, answer: (message: BusMessage) => void) => cluster.subscribe(subject, answer);
  return { clock, client, cluster, serve, told };
}

const stop = { type: 'StopUnits' as const, units: [{ name: 'a.service' }] };

/** Both outcomes of a promise as a value, so that time can be moved on meanwhile. */
function outcomeOf<T>(promise: Promise<T>): Promise<{ value: T } | { error: Error }> {
  return promise.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  );
}

test('a command says who asks, and its answer is given back', async () => {
  const { client, serve } = setUp();
  serve(subjects.clusterCommands, (message) => {
    assert.deepEqual(decodeJson<Command>(message.data), { ...stop, id: 'id-1', by: 'me@here' });
    message.respond(encodeJson({ ok: true, seq: 7 }));
  });
  assert.deepEqual(await client.command(stop), { ok: true, seq: 7 });
});

test('a command is repeated under the same id until a scheduler leads, and it is said that this takes long', async () => {
  const { clock, client, serve, told } = setUp();
  const ids: string[] = [];
  const silent = serve(subjects.clusterCommands, (message) => ids.push(decodeJson<Command>(message.data).id));
  const outcome = outcomeOf(client.command(stop));
  await clock.advance(4_000);
  silent.unsubscribe();
  await clock.advance(2_000);
  const notLeading = serve(subjects.clusterCommands, (message) => {
    ids.push(decodeJson<Command>(message.data).id);
    message.respond(encodeJson({ ok: false, code: 'not-leading', message: 'not any more', details: [] }));
  });
  await clock.advance(2_000);
  notLeading.unsubscribe();
  serve(subjects.clusterCommands, (message) => message.respond(encodeJson({ ok: true, seq: 1 })));
  await clock.advance(1_000);
  assert.deepEqual(await outcome, { value: { ok: true, seq: 1 } });
  assert.ok(ids.length >= 3);
  assert.deepEqual([...new Set(ids)], ['id-1']);
  assert.deepEqual(told, ['waiting for a scheduler that leads…']);
});

test('a client that finds no scheduler gives up after 15 s, and says what to do', async () => {
  const { clock, client } = setUp();
  const outcome = outcomeOf(client.command(stop));
  await clock.advance(15_000);
  const result = await outcome;
  assert.ok('error' in result);
  assert.match(
    result.error.message,
    /no scheduler that leads answered at nats:\/\/test within 15 s: no scheduler leads/,
  );
});

test('a command that was heard but never answered may have been carried out, and that is said', async () => {
  const { clock, client, serve } = setUp();
  serve(subjects.clusterCommands, () => undefined);
  const outcome = outcomeOf(client.command(stop));
  await clock.advance(20_000);
  const result = await outcome;
  assert.ok('error' in result && 'details' in result.error);
  assert.match(String(result.error.details), /may have been carried out/);
});

test('a refusal is an answer: nothing is repeated', async () => {
  const { client, serve } = setUp();
  let asked = 0;
  const refusal = { ok: false, code: 'unit-not-found', message: 'unit a.service is not known', details: [] } as const;
  serve(subjects.clusterCommands, (message) => {
    asked += 1;
    message.respond(encodeJson(refusal));
  });
  assert.deepEqual(await client.command(stop), refusal);
  assert.equal(asked, 1);
});

test('a query asks to see what was written before, of any scheduler or of the leader', async () => {
  const { client, serve } = setUp();
  const asked: [string, Query][] = [];
  for (const subject of [subjects.queries, subjects.leaderQueries]) {
    serve(subject, (message) => {
      asked.push([subject, decodeJson(message.data)]);
      message.respond(encodeJson({ ok: true, seq: 9, data: { units: [] } }));
    });
  }
  assert.deepEqual(await client.query({ type: 'ListUnits' }, { minSeq: 9 }), { ok: true, seq: 9, data: { units: [] } });
  await client.query({ type: 'GetStatus' }, { leader: true });
  assert.deepEqual(asked, [
    [subjects.queries, { type: 'ListUnits', minSeq: 9 }],
    [subjects.leaderQueries, { type: 'GetStatus' }],
  ]);
});

test('a scheduler that is behind is a failure with its own words', async () => {
  const { client, serve } = setUp();
  serve(subjects.queries, (message) => message.respond(encodeJson({ ok: false, message: 'this scheduler is behind' })));
  await assert.rejects(client.query({ type: 'ListUnits' }), {
    name: 'FailureError',
    message: 'this scheduler is behind',
  });
});

const wish = { unit: 'a.service', lines: 10, follow: true };

/** Collects a journal's lines until it ends. */
async function collect(lines: AsyncIterable<{ text: string }>): Promise<string[]> {
  const collected: string[] = [];
  for await (const { text } of lines) collected.push(text);
  return collected;
}

test('a journal comes line by line and ends when the node says so', async () => {
  const { client, cluster, serve } = setUp();
  serve(subjects.journal('m1'), (message) => {
    const { replyTo, ...request } = decodeJson<JournalRequest>(message.data);
    assert.deepEqual(request, { ...wish, id: 'id-1', stamps: true });
    message.respond(encodeJson({}));
    const send = (reply: JournalReply) => cluster.publish(replyTo, encodeJson(reply));
    send({ lines: ['one', 'two'] });
    send({ lines: ['three'] });
    send({ end: true });
  });
  assert.deepEqual(await collect(client.journal('m1', wish)), ['one', 'two', 'three']);
});

test('a journal that cannot be read fails with the reason that the node gives', async () => {
  const { client, cluster, serve } = setUp();
  serve(subjects.journal('m1'), (message) => {
    message.respond(encodeJson({}));
    const reply: JournalReply = { end: true, error: 'unit a.service is not on this machine' };
    cluster.publish(decodeJson<JournalRequest>(message.data).replyTo, encodeJson(reply));
  });
  await assert.rejects(collect(client.journal('m1', wish)), /is not on this machine/);
});

test('a followed journal is asked for again in time, without its past', async () => {
  const { clock, client, serve } = setUp();
  const asked: [at: number, lines: number][] = [];
  serve(subjects.journal('m1'), (message) => {
    asked.push([clock.monotonicNow(), decodeJson<JournalRequest>(message.data).lines]);
    message.respond(encodeJson({}));
  });
  const lines = client.journal('m1', wish)[Symbol.asyncIterator]();
  void lines.next();
  await clock.advance(journalKeepAliveMs * 3);
  for (const [index, [at]] of asked.entries()) assert.ok(at - (asked[index - 1]?.[0] ?? at) < journalKeepAliveMs / 2);
  assert.ok(asked.length > 6);
  assert.deepEqual([...new Set(asked.map(([, past]) => past))], [10, 0]);
});

test('a node that is not there, or goes away meanwhile, ends the journal with a failure', async () => {
  const { clock, client, serve } = setUp();
  await assert.rejects(collect(client.journal('m1', wish)), /the node of machine m1 does not answer/);
  const node = serve(subjects.journal('m1'), (message) => message.respond(encodeJson({})));
  const outcome = outcomeOf(collect(client.journal('m1', wish)));
  await clock.advance(1_000);
  node.unsubscribe();
  await clock.advance(journalKeepAliveMs);
  const result = await outcome;
  assert.ok('error' in result);
  assert.match(result.error.message, /the node of machine m1 does not answer/);
});
