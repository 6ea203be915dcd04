import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readLines, readStampedLines, type StampedLine } from './lines.ts';

function frame(stream: 1 | 2, text: string): Buffer {
  const data = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** The bytes, cut anywhere. */
async function* cut(bytes: Buffer, at: number[]): AsyncGenerator<Uint8Array> {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, end] of places.entries()) yield bytes.subarray(places[index - 1] ?? 0, end);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const cuts = fc.array(fc.nat(), { maxLength: 10 });

describe('output of a container', () => {
  it('comes as the same lines, however the bytes come', async () => {
    const lines = fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)));
    await fc.assert(
      fc.asyncProperty(lines, cuts, async (texts, at) => {
        const bytes = Buffer.concat(texts.map((text) => frame(1, `${text}\n`)));
        assert.deepEqual(await collect(readLines(cut(bytes, at), false)), texts);
        const plain = Buffer.from(texts.map((text) => `${text}\r\n`).join(''));
        assert.deepEqual(await collect(readLines(cut(plain, at), true)), texts);
      }),
    );
  });

  it('keeps lines of stdout and stderr apart', async () => {
    const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err\n'), frame(1, 'put\nlast')]);
    assert.deepEqual(await collect(readLines(cut(bytes, []), false)), ['err', 'output', 'last']);
  });

  it('keeps a character whole that two frames share', async () => {
    const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é\n').subarray(1)];
    const plain = (async function* () {
      yield first;
      yield second;
    })();
    assert.deepEqual(await collect(readLines(plain, true)), ['é']);
  });

  it('tells an endless line in parts', async () => {
    const bytes = frame(1, 'x'.repeat(200_000));
    const lines = await collect(readLines(cut(bytes, []), false));
    assert.equal(lines.join('').length, 200_000);
    assert.ok(lines.length > 3);
  });

  it('has the moment of the first piece of each line', async () => {
    const bytes = Buffer.concat([frame(1, 'T1 a long '), frame(2, 'T2 other\n'), frame(1, 'T3 line\n')]);
    const expected: StampedLine[] = [
      { stamp: 'T2', text: 'other' },
      { stamp: 'T1', text: 'a long line' },
    ];
    assert.deepEqual(await collect(readStampedLines(cut(bytes, [3, 20]), false)), expected);
    const terminal = Buffer.from('T1 one two\r\nT2 \r\n');
    assert.deepEqual(await collect(readStampedLines(cut(terminal, [5]), true)), [
      { stamp: 'T1', text: 'one two' },
      { stamp: 'T2', text: '' },
    ]);
  });
});
