import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { decodeJson, encodeJson } from '../protocol/json.ts';
import { createMemoryNetwork } from './memoryBus.ts';
import { Pipe } from './pipe.ts';

function world() {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const [here, there] = [network.connect(), network.connect()];
  const got: number[] = [];
  const broken: string[] = [];
  let gate = Promise.resolve();
  const common = { decode: decodeJson, onBroken: (error: Error) => void broken.push(error.message) } as const;
  const receiver = new Pipe<never, number>(
    {
      ...common,
      bus: there,
      inbox: 'b',
      decode: (data) => decodeJson(data),
      onFrame: (n) => gate.then(() => void got.push(n)),
    },
    'a',
  );
  const sender = new Pipe<number, never>(
    { ...common, bus: here, inbox: 'a', decode: (data) => decodeJson(data), onFrame: () => undefined },
    'b',
  );
  const close = () => {
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  };
  const settle = async () => {
    for (let i = 0; i < 40; i++) await clock.advance(0);
  };
  return { here, sender, receiver, got, broken, close, settle };
}

describe('a pipe', () => {
  it('hands on every frame in order, however many there are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 300 }), async (count) => {
        const { sender, got, broken, settle } = world();
        const numbers = Array.from({ length: count }, (_, i) => i);
        const sent = (async () => {
          for (const n of numbers) await sender.send(n);
        })();
        await settle();
        await sent;
        await settle();
        assert.deepEqual([got, broken], [numbers, []]);
      }),
      { numRuns: 20 },
    );
  });

  it('has no more under way than the other end has room for', async () => {
    const { sender, got, close, settle } = world();
    const open = close();
    let sent = 0;
    const all = (async () => {
      for (; sent < 200; sent++) await sender.send(sent);
    })();
    await settle();
    assert.deepEqual([sent, got.length], [64, 0]);
    open();
    await settle();
    await all;
    await settle();
    assert.equal(got.length, 200);
  });

  it('ends where a part of what was sent is lost', async () => {
    const { here, sender, got, broken, settle } = world();
    await sender.send(1);
    here.publish('b', encodeJson({ n: 3, frame: 3 }));
    here.publish('b', encodeJson({ n: 2, frame: 2 }));
    await settle();
    assert.deepEqual(got.length <= 1, true);
    assert.deepEqual(broken, ['the connection broke off: a part of what was sent is lost']);
  });
});
