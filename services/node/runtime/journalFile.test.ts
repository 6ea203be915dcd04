import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import { readJournal, rotatedPath, rotateJournal } from './journalFile.ts';
import { markJournal } from './journalTimes.ts';
import { texts } from './texts.ts';

const never = new AbortController().signal;

describe('a journal file', { timeout: 30_000 }, () => {
  let directory: string;
  let count = 0;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-journal-'));
  });
  after(() => rm(directory, { recursive: true }));
  const newPath = () => join(directory, `journal-${++count}`);

  it('gives the last lines, whatever their number and length, and an unfinished one', async () => {
    const line = fc
      .oneof(fc.string({ unit: 'grapheme' }), fc.constant('x'.repeat(40_000)))
      .map((s) => s.replaceAll('\n', ' '));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.boolean(), fc.nat(14), async (lines, finished, wanted) => {
        const path = newPath();
        await appendFile(path, lines.join('\n') + (finished && lines.length > 0 ? '\n' : ''));
        // An empty last line that is not finished is no line.
        const expected = !finished && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
        assert.deepEqual(await lastLines(path, wanted), expected.slice(Math.max(0, expected.length - wanted)));
      }),
      { numRuns: 60 },
    );
  });

  it('is bounded by rotation, and read over it', async () => {
    const path = newPath();
    const written = Array.from({ length: 100 }, (_, i) => `line ${i} ${'.'.repeat(80)}`);
    for (const line of written) {
      await appendFile(path, `${line}\n`);
      await rotateJournal(path, 2000);
      const bytes = (await sizeOf(path)) + (await sizeOf(rotatedPath(path)));
      assert.ok(bytes <= 2 * 2000 + 200, `${bytes} bytes`);
    }
    const kept = await lastLines(path, 1000);
    assert.ok(kept.length >= 20, `${kept.length} lines`);
    assert.deepEqual(kept, written.slice(-kept.length));
  });

  it('keeps only the end of what grew far beyond its limit', async () => {
    const path = newPath();
    await appendFile(path, `${'x'.repeat(99)}\n`.repeat(1000));
    await rotateJournal(path, 5000);
    assert.deepEqual([await sizeOf(path), await sizeOf(rotatedPath(path))], [0, 5000]);
  });

  it('knows when its lines came, as exactly as it was looked at, also over rotations', async () => {
    const written = fc.array(fc.record({ lines: fc.nat(4), rotates: fc.boolean() }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(written, fc.nat(9), fc.nat(9), async (looks, from, to) => {
        const path = newPath();
        const all: { at: number; text: string }[] = [];
        let known: number | undefined;
        for (const [i, { lines, rotates }] of looks.entries()) {
          const texts = Array.from({ length: lines }, (_, n) => `look ${i} line ${n}`);
          await appendFile(path, texts.map((text) => `${text}\n`).join(''));
          known = await markJournal(path, i, known);
          all.push(...texts.map((text) => ({ at: i, text })));
          if (!rotates) continue;
          // What is rotated away altogether, nobody knows any more.
          const size = await sizeOf(path);
          if (size === 0) continue;
          if ((await sizeOf(rotatedPath(path))) > 0) all.splice(0, all.length - (await lineCount(path)));
          await rotateJournal(path, size - 1);
          known = undefined;
        }
        const since = Math.min(from, to);
        const until = Math.max(from, to);
        const options = { lines: 1000, follow: false, since, until, signal: never };
        const seen: unknown[] = [];
        for await (const line of readJournal(path, systemClock, options)) seen.push(line);
        assert.deepEqual(
          seen,
          all.filter(({ at }) => at >= since && at <= until),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('knows of one that nobody has looked at yet when it was written', async () => {
    const path = newPath();
    await writeFile(path, 'hello\n');
    await utimes(path, 5, 5);
    const seen: unknown[] = [];
    for await (const line of readJournal(path, systemClock, { lines: 9, follow: false, signal: never }))
      seen.push(line);
    assert.deepEqual(seen, [{ at: 5_000, text: 'hello' }]);
  });

  it('does not read a large file to tell its last lines', async () => {
    const path = newPath();
    await appendFile(path, '');
    await truncate(path, 2 ** 40);
    await appendFile(path, '\none\ntwo\n');
    assert.deepEqual(await lastLines(path, 2), ['one', 'two']);
  });

  it('tells a line that never ends in parts', async () => {
    const path = newPath();
    await appendFile(path, 'y'.repeat(100 * 1024));
    const parts = await lastLines(path, 10);
    assert.deepEqual(
      parts.map((part) => part.length),
      [48 * 1024, 48 * 1024, 4 * 1024],
    );
  });

  it('is empty where there is none', async () => {
    assert.deepEqual(await lastLines(newPath(), 10), []);
    await rotateJournal(newPath(), 10);
  });

  it('is followed from before its first line over rotations, each line once', async () => {
    const path = newPath();
    const abort = new AbortController();
    const seen: string[] = [];
    const written: string[] = [];
    const write = (text: string) => appendFile(path, text);
    const next = async () => {
      written.push(`line ${written.length}`);
      // In two pieces, so that the follower may meet it unfinished.
      await write(`line `);
      await write(`${written.length - 1}\n`);
    };
    const lines = texts(readJournal(path, systemClock, { lines: 5, follow: true, signal: abort.signal }));
    const first = lines.next();
    await next();
    seen.push(String((await first).value));
    for (let round = 0; round < 4; round++) {
      await next();
      await rotateJournal(path, 10);
      await next();
      while (seen.length < written.length) seen.push(String((await lines.next()).value));
    }
    assert.deepEqual(seen, written);
    abort.abort();
    assert.equal((await lines.next()).done, true);
  });
});

async function lastLines(path: string, lines: number): Promise<string[]> {
  const seen: string[] = [];
  const options = { lines, follow: false, signal: never };
  for await (const line of texts(readJournal(path, systemClock, options))) seen.push(line);
  return seen;
}

async function lineCount(path: string): Promise<number> {
  return (await readFile(path, 'utf8')).split('\n').length - 1;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
