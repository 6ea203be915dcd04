/** What every bus does, whatever it is made of: run on the real one and on its twin. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Bus, BusClosedError, type BusMessage, NoRespondersError, RequestTimeoutError } from './bus.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string) => encoder.encode(text);
const text = (message: BusMessage) => decoder.decode(message.data);

/** `connect` opens one more bus on the network that belongs to this test. */
export function busContract(title: string, setUp: (t: TestContext) => Promise<{ connect(): Promise<Bus> }>): void {
  const contract = (name: string, run: (one: Bus, other: Bus) => Promise<void>) =>
    test(`${title}: ${name}`, async (t) => {
      const network = await setUp(t);
      await run(await network.connect(), await network.connect());
    });

  contract('a message reaches every subscriber, in the order of sending', async (one, other) => {
    const heard = [collect(one, 'a.b', 3), collect(other, 'a.b', 3)];
    await settle(one, other);
    for (const word of ['x', 'y', 'z']) one.publish('a.b', bytes(word));
    for (const words of heard) assert.deepEqual(await words, ['x', 'y', 'z']);
  });

  contract('"*" stands for one token and ">" for one or more', async (one, other) => {
    const star = collectSubjects(other, 'a.*.c');
    const rest = collectSubjects(other, 'a.>');
    await settle(one, other);
    for (const subject of ['a', 'a.b', 'a.b.c', 'a.b.c.d', 'b.b.c']) one.publish(subject, bytes(''));
    await settle(one, other);
    assert.deepEqual(star, ['a.b.c']);
    assert.deepEqual(rest, ['a.b', 'a.b.c', 'a.b.c.d']);
  });

  contract('a queue group gets each message once, a plain subscriber gets it as well', async (one, other) => {
    const group: string[] = [];
    for (const bus of [one, other]) bus.subscribe('work', (message) => group.push(text(message)), { queue: 'q' });
    const plain = collect(other, 'work', 20);
    await settle(one, other);
    const sent = Array.from({ length: 20 }, (_, index) => String(index));
    for (const word of sent) one.publish('work', bytes(word));
    assert.deepEqual(await plain, sent);
    await settle(one, other);
    assert.deepEqual(group.toSorted(), sent.toSorted());
  });

  contract('a request resolves with the first reply', async (one, other) => {
    other.subscribe('ask', (message) => {
      message.respond(bytes(`${text(message)}!`));
      message.respond(bytes('too late'));
    });
    await settle(one, other);
    assert.equal(text(await one.request('ask', bytes('hello'), { timeoutMs: 5_000 })), 'hello!');
  });

  contract('a request to nobody fails at once', async (one) => {
    await assert.rejects(one.request('nobody', bytes(''), { timeoutMs: 60_000 }), NoRespondersError);
  });

  contract('several replies to one request arrive on an inbox', async (one, other) => {
    other.subscribe('many', (message) => {
      for (const word of ['1', '2', '3']) other.publish(text(message), bytes(word));
    });
    const inbox = one.createInbox();
    assert.notEqual(inbox, one.createInbox());
    const replies = collect(one, inbox, 3);
    await settle(one, other);
    one.publish('many', bytes(inbox));
    assert.deepEqual(await replies, ['1', '2', '3']);
  });

  contract('nothing is heard after unsubscribing', async (one, other) => {
    const heard: string[] = [];
    const subscription = other.subscribe('news', (message) => heard.push(text(message)));
    await settle(one, other);
    one.publish('news', bytes('before'));
    await settle(one, other);
    subscription.unsubscribe();
    await settle(one, other);
    one.publish('news', bytes('after'));
    await settle(one, other);
    assert.deepEqual(heard, ['before']);
  });

  contract('the receiver keeps what was sent when the sender reuses its buffer', async (one, other) => {
    const heard = collect(other, 'buffer', 1);
    await settle(one, other);
    const data = bytes('kept');
    one.publish('buffer', data);
    await settle(one, other);
    data.fill(0);
    assert.deepEqual(await heard, ['kept']);
  });

  contract('a closed bus tells its requests and refuses new ones', async (one, other) => {
    other.subscribe('silent', () => {});
    await settle(one, other);
    const changes: boolean[] = [];
    one.onConnectionChange((connected) => changes.push(connected));
    const open = assert.rejects(one.request('silent', bytes(''), { timeoutMs: 60_000 }), BusClosedError);
    await one.close();
    await open;
    assert.equal(one.connected, false);
    assert.deepEqual(changes, [false]);
    await assert.rejects(one.request('silent', bytes(''), { timeoutMs: 1_000 }), BusClosedError);
    assert.throws(() => one.subscribe('silent', () => {}), BusClosedError);
    one.publish('silent', bytes('dropped'));
    await one.close();
  });
}

/** The same for time: `advance` lets that much of it go by. */
export function busTimeoutContract(
  title: string,
  setUp: (t: TestContext) => Promise<{ bus: Bus; advance(ms: number): Promise<void> }>,
): void {
  test(`${title}: a request without a reply ends at its timeout`, async (t) => {
    const { bus, advance } = await setUp(t);
    bus.subscribe('silent', () => {});
    const late = assert.rejects(bus.request('silent', bytes(''), { timeoutMs: 50 }), RequestTimeoutError);
    await advance(60);
    await late;
  });
}

/** What was sent before has arrived after it: each asks the other, which answers in order. */
async function settle(...buses: Bus[]): Promise<void> {
  for (const from of buses) {
    for (const to of buses) {
      const subject = from.createInbox();
      const subscription = to.subscribe(subject, (message) => message.respond(bytes('')));
      await untilHeard(from, to, subject);
      subscription.unsubscribe();
    }
  }
}

/** A subscription takes a moment to reach the server; until then a request finds nobody. */
async function untilHeard(from: Bus, to: Bus, subject: string): Promise<void> {
  for (;;) {
    try {
      await from.request(subject, bytes(''), { timeoutMs: 5_000 });
      return;
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw error;
      await assert.rejects(to.request(to.createInbox(), bytes(''), { timeoutMs: 5_000 }), NoRespondersError);
    }
  }
}

function collect(bus: Bus, subject: string, count: number): Promise<string[]> {
  const words: string[] = [];
  return new Promise((resolve) => {
    bus.subscribe(subject, (message) => {
      words.push(text(message));
      if (words.length === count) resolve(words);
    });
  });
}

function collectSubjects(bus: Bus, pattern: string): string[] {
  const heard: string[] = [];
  bus.subscribe(pattern, ({ subject }) => heard.push(subject));
  return heard;
}
