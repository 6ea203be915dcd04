import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import { type JournalReply, type JournalRequest, journalKeepAliveMs } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { serveJournals } from './journal.ts';
import { createFakeHost, createFakeRuntime } from './runtime/fake.ts';
import type { Runtime } from './runtime/runtime.ts';

const machine = 'm1';
const unit = 'a.service';

function world(options: { maxPayload?: number; others?: Runtime[] } = {}) {
  const clock = createSimulatedClock(0);
  const { maxPayload } = options;
  const network = createMemoryNetwork({ clock, ...(maxPayload === undefined ? {} : { maxPayload }) });
  const [nodeBus, bus] = [network.connect(), network.connect()];
  const host = createFakeHost({ clock });
  const runtimes = [createFakeRuntime(host), ...(options.others ?? [])];
  const hasUnit = (name: string) => name === unit;
  const errors: unknown[] = [];
  const service = serveJournals({
    machine,
    bus: nodeBus,
    clock,
    runtimes,
    hasUnit,
    onError: (error) => errors.push(error),
  });
  /** Lines that come together are sent in the next turn of the event loop. */
  const settle = async () => {
    await clock.advance(0);
    await clock.advance(0);
  };
  const print = async (...lines: string[]) => {
    host.traces(unit).journal.push(...lines);
    host.changed();
    await settle();
  };
  const replies: JournalReply[] = [];
  const inbox = bus.createInbox();
  bus.subscribe(inbox, ({ data }) => replies.push(decodeJson<JournalReply>(data)));
  const ask = async (changes: Partial<JournalRequest> = {}) => {
    const request: JournalRequest = { id: 'j1', unit, lines: 10, follow: false, replyTo: inbox, ...changes };
    const subject = subjects.journal(machine);
    const answer = bus.request(subject, encodeJson(request), { timeoutMs: 1_000 });
    await settle();
    assert.deepEqual(decodeJson((await answer).data), {});
  };
  const lines = () => replies.flatMap((reply) => ('lines' in reply ? reply.lines : []));
  const end = () => replies.find((reply) => 'end' in reply);
  return { clock, settle, service, bus, errors, print, replies, ask, lines, end };
}

/** A runtime that cannot tell what it knows. */
function mute(): Runtime {
  const runtime = createFakeRuntime(createFakeHost({ clock: createSimulatedClock(0) }));
  return {
    ...runtime,
    // biome-ignore lint/correctness/useYield: it fails before it has anything to tell.
    async *journal() {
      throw new Error('the engine does not answer');
    },
  };
}

describe('journals', { timeout: 10_000 }, () => {
  it('are the last lines, in as few messages as that takes, and an end', async () => {
    const { print, ask, lines, replies, end } = world();
    await print('one', 'two', 'three');
    await ask({ lines: 2 });
    assert.deepEqual([lines(), replies.length, end()], [['two', 'three'], 2, { end: true }]);
  });

  it('are not given for what is no request, and the service goes on', async () => {
    const { bus, settle, errors, print, ask, lines } = world();
    for (const text of ['', 'garbage', '{}', '{"id":"j1"}']) bus.publish(subjects.journal(machine), Buffer.from(text));
    await settle();
    assert.equal(errors.length, 4);
    await print('one');
    await ask();
    assert.deepEqual(lines(), ['one']);
  });

  it('are followed line by line for as long as somebody asks', async () => {
    const { print, ask, lines, clock, end } = world();
    await print('one');
    await ask({ follow: true });
    await print('two');
    for (let i = 0; i < 5; i++) {
      await clock.advance(journalKeepAliveMs - 1);
      await ask({ follow: true });
    }
    await print('three');
    assert.deepEqual([lines(), end()], [['one', 'two', 'three'], undefined]);
    await clock.advance(journalKeepAliveMs);
    await print('four');
    assert.deepEqual([lines(), end()], [['one', 'two', 'three'], { end: true }]);
  });

  it('can be followed by several at once, each with what it asked for', async () => {
    const { print, ask, lines } = world();
    await print('one', 'two');
    await ask({ id: 'j1', follow: true, lines: 1 });
    await ask({ id: 'j2', follow: true, lines: 2 });
    await print('three');
    assert.deepEqual(lines().sort(), ['one', 'three', 'three', 'two', 'two']);
  });

  it('of a unit that is not here are refused with a reason', async () => {
    const { ask, replies } = world();
    await ask({ unit: 'b.service' });
    assert.deepEqual(replies, [{ end: true, error: 'unit b.service is not on this machine' }]);
  });

  it('are told as far as they can be read, and why no further', async () => {
    const { ask, lines, end, print } = world({ others: [mute()] });
    await print('one');
    await ask();
    assert.deepEqual(lines(), ['one']);
    assert.deepEqual(end(), { end: true, error: 'the journal of a.service has a gap: the engine does not answer' });
  });

  it('of any length fit into the messages that the bus takes', async () => {
    const { print, ask, lines, end } = world({ maxPayload: 1024 * 1024 });
    const long = Array.from({ length: 100 }, (_, i) => `${i} ${'\u0000'.repeat(20_000)}`);
    await print(...long);
    await ask({ lines: 100 });
    assert.deepEqual([lines().length, end()], [100, { end: true }]);
  });

  it('end with the service', async () => {
    const { service, settle, ask, print, lines } = world();
    await ask({ follow: true });
    service.unsubscribe();
    await settle();
    await print('one');
    assert.deepEqual(lines(), []);
  });
});
