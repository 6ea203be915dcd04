/**
 * A unit's output in a file: whoever runs the unit appends (O_APPEND), the agent rotates and reads. There are at most
 * two: `<path>`, and `<path>.1` with what was in it before.
 */
import { constants, copyFile, type FileHandle, open, rename, stat, truncate } from 'node:fs/promises';
import { type Clock, delay } from '../../../shared/clock/clock.ts';
import { momentOf, readMarks, rotateMarks } from './journalTimes.ts';
import { isWithin, type JournalLine, type JournalOptions } from './runtime.ts';

/** Bytes read at a time. */
const chunkBytes = 64 * 1024;
/** A longer line is told in parts, as journald does (journald.conf(5), LineMax=). */
const maxLineBytes = 48 * 1024;
const followEveryMs = 100;
const newline = 0x0a;

export const rotatedPath = (path: string) => `${path}.1`;

/**
 * Moves the journal to `<path>.1` when it is larger than `maxBytes`. The writer has the file open and keeps it, so it is
 * copied and then emptied; what is written between the copy's last byte and the emptying, a moment later, is lost.
 */
export async function rotateJournal(path: string, maxBytes: number): Promise<void> {
  const size = await sizeOf(path);
  if (size <= maxBytes) return;
  const temporary = `${path}.new`;
  await copyTail(path, temporary, size > 2 * maxBytes ? size - maxBytes : 0);
  await rename(temporary, rotatedPath(path));
  await truncate(path, 0);
  await rotateMarks(path, rotatedPath(path), size > 2 * maxBytes);
}

/** Copies from byte `start` to the end, and on for as long as the end keeps moving. */
async function copyTail(from: string, to: string, start: number): Promise<void> {
  if (start === 0) await copyFile(from, to, constants.COPYFILE_FICLONE);
  const target = await open(to, start === 0 ? 'a' : 'w');
  try {
    const copied = start + (await target.stat()).size;
    for await (const chunk of chunksOf(from, copied)) await target.appendFile(chunk);
  } finally {
    await target.close();
  }
}

/**
 * The last `lines` lines, oldest first; then, with `follow`, each new one until `signal` aborts. A journal that does
 * not exist is empty, and is followed all the same: the unit may yet be started.
 */
export async function* readJournal(path: string, clock: Clock, options: JournalOptions): AsyncGenerator<JournalLine> {
  const extent = await extentOf(path);
  const { lines, follow, signal, since, until } = options;
  const isBounded = since !== undefined || until !== undefined;
  const tail = await readTail(path, extent.end, isBounded ? Number.POSITIVE_INFINITY : lines);
  const splitter = createLineSplitter();
  const read = splitter.push(tail);
  const moments = await momentsOf(path, extent, tail.length, clock.now());
  const past = moments(follow ? read : [...read, ...splitter.unfinished()]);
  yield* takeLast(
    past.filter((line) => isWithin(line, options)),
    lines,
  );
  if (!follow) return;
  for await (const chunk of followChunks(path, extent, clock, signal)) {
    for (const { text } of splitter.push(chunk)) yield { at: clock.now(), text };
  }
}

/** Gives lines that stand at the end of the journal, in that many bytes, the moments at which they came. */
async function momentsOf(path: string, { end, writtenAt }: Extent, bytes: number, now: number) {
  const rotated = rotatedPath(path);
  const [before, older, newer] = await Promise.all([sizeOf(rotated), readMarks(rotated), readMarks(path)]);
  const marks = [...older, ...newer.map((mark) => ({ ...mark, end: mark.end + before }))];
  return (lines: readonly Piece[]): JournalLine[] => {
    let position = before + end - bytes;
    return lines.map(({ text, bytes: length }) => {
      position += length;
      // What came after the last look came just now; without any mark, not later than the file was written.
      return { at: momentOf(marks, position) ?? (marks.length > 0 ? now : writtenAt), text };
    });
  };
}

/** The bytes before `end` that hold the last `lines` lines, and perhaps more; from the rotated file too, if need be. */
async function readTail(path: string, end: number, lines: number): Promise<Buffer> {
  const tail: Buffer[] = [];
  // One more, for the line that is not finished.
  let missing = lines + 1;
  for (const [file, size] of [[path, end] as const, [rotatedPath(path), await sizeOf(rotatedPath(path))] as const]) {
    for await (const chunk of chunksBackwards(file, size)) {
      if (missing <= 0) break;
      tail.unshift(chunk);
      missing -= chunk.reduce((count, byte) => (byte === newline ? count + 1 : count), 0);
    }
  }
  return Buffer.concat(tail);
}

/** What is written to the journal after `seen`, until `signal` aborts; it goes on over rotations. */
async function* followChunks(path: string, seen: Extent, clock: Clock, signal: AbortSignal): AsyncGenerator<Buffer> {
  let { end, file, rotated } = seen;
  while (!signal.aborted) {
    const now = await extentOf(path);
    await delay(clock, followEveryMs, signal);
    // By now, a rotation that was going on at the look is complete: what we had not read is in the other file.
    if (now.rotated !== rotated) yield* chunksOf(rotatedPath(path), end);
    if (now.rotated !== rotated || now.file !== file) end = 0;
    for await (const chunk of chunksOf(path, end)) {
      end += chunk.length;
      yield chunk;
    }
    ({ file, rotated } = now);
  }
}

/** How far a journal went at one moment. */
interface Extent {
  /** Bytes. */
  end: number;
  /** Last, ms since 1970; null: there is no such file. */
  writtenAt: number | null;
  /** Inodes: they tell that another file has taken a file's place. */
  file: number;
  rotated: number;
}

async function extentOf(path: string): Promise<Extent> {
  const [file, rotated] = await Promise.all([path, rotatedPath(path)].map((each) => stat(each).catch(nullIfMissing)));
  const writtenAt = file === null || file === undefined ? null : Math.floor(file.mtimeMs);
  return { end: file?.size ?? 0, writtenAt, file: file?.ino ?? 0, rotated: rotated?.ino ?? 0 };
}

/** The file from byte `offset` to where it ends when it is reached; nothing where there is no such file. */
async function* chunksOf(path: string, offset: number): AsyncGenerator<Buffer> {
  const file = await openToRead(path);
  if (file === null) return;
  try {
    for (let position = offset; ; ) {
      const chunk = await readAt(file, position, chunkBytes);
      if (chunk.length === 0) return;
      position += chunk.length;
      yield chunk;
    }
  } finally {
    await file.close();
  }
}

/** The bytes before `end`, the last ones first. */
async function* chunksBackwards(path: string, end: number): AsyncGenerator<Buffer> {
  const file = await openToRead(path);
  if (file === null) return;
  try {
    for (let position = end; position > 0; position -= chunkBytes) {
      const start = Math.max(0, position - chunkBytes);
      yield await readAt(file, start, position - start);
    }
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** A line, and how many bytes it takes in the file. */
interface Piece {
  text: string;
  bytes: number;
}

/** Makes lines of bytes that come in pieces. Bytes that are not UTF-8 become U+FFFD. */
function createLineSplitter() {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(bytes: Buffer): Piece[] {
      const lines: Piece[] = [];
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      for (let end = lineEnd(rest); end !== null; end = lineEnd(rest)) {
        lines.push({ text: rest.toString('utf8', 0, end.text), bytes: end.next });
        rest = rest.subarray(end.next);
      }
      return lines;
    },
    unfinished: (): Piece[] => (rest.length === 0 ? [] : [{ text: rest.toString('utf8'), bytes: rest.length }]),
  };
}

/** Where the first line ends and the next one begins; null where that has not come yet. */
function lineEnd(bytes: Buffer): { text: number; next: number } | null {
  const found = bytes.indexOf(newline);
  const text = found < 0 ? bytes.length : found;
  if (text > maxLineBytes) return { text: maxLineBytes, next: maxLineBytes };
  return found < 0 ? null : { text: found, next: found + 1 };
}

function takeLast<T>(items: T[], count: number): T[] {
  return items.slice(Math.max(0, items.length - count));
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(nullIfMissing))?.size ?? 0;
}

function openToRead(path: string): Promise<FileHandle | null> {
  return open(path).catch(nullIfMissing);
}

function nullIfMissing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}
