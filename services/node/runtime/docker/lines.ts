/** Output of containers, as bytes from the engine, made into lines of text. */
import { StringDecoder } from 'node:string_decoder';

/** One line, and the moment that the engine got it (RFC 3339, nanoseconds), where it was asked for moments. */
export interface StampedLine {
  stamp: string;
  text: string;
}

/**
 * Lines of a container's output. Without a terminal the engine sends frames: one byte that says stdout or stderr, three
 * zeros, the length, the bytes. Lines of the two streams are kept apart until they are whole.
 * Source: Engine API, "Attach to a container", stream format.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, tty: boolean): AsyncGenerator<string> {
  const assembler = createAssembler();
  for await (const { stream, data } of tty ? oneStream(chunks) : frames(chunks)) {
    for (const { text } of assembler.push(stream, '', data)) yield text;
  }
  for (const { text } of assembler.end()) yield text;
}

/** Lines of a log that was asked for time stamps: each frame (on a terminal, each line) begins with one and a blank. */
export async function* readStampedLines(chunks: AsyncIterable<Uint8Array>, tty: boolean): AsyncGenerator<StampedLine> {
  if (tty) {
    for await (const line of readLines(chunks, tty)) yield splitStamp(line);
    return;
  }
  const assembler = createAssembler();
  for await (const { stream, data } of frames(chunks)) {
    const blank = data.indexOf(' ');
    yield* assembler.push(stream, data.toString('latin1', 0, blank), data.subarray(blank + 1));
  }
  yield* assembler.end();
}

function splitStamp(line: string): StampedLine {
  const blank = line.indexOf(' ');
  return { stamp: line.slice(0, blank), text: line.slice(blank + 1) };
}

/** A container's output as it comes, stdout and stderr apart. */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ stream: 'out' | 'err'; data: Uint8Array }> {
  for await (const { stream, data } of frames(chunks)) yield { stream: stream === 2 ? 'err' : 'out', data };
}

interface Frame {
  stream: number;
  data: Buffer;
}

async function* oneStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  for await (const chunk of chunks) yield { stream: 1, data: Buffer.from(chunk) };
}

const headerLength = 8;

async function* frames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= headerLength) {
      const end = headerLength + pending.readUInt32BE(4);
      if (pending.length < end) break;
      yield { stream: pending.readUInt8(0), data: pending.subarray(headerLength, end) };
      pending = pending.subarray(end);
    }
  }
}

/** Longer lines are told in parts: a program that never ends its line must not fill the memory. */
const maxLineLength = 48 * 1024;

interface Partial {
  decoder: StringDecoder;
  stamp: string;
  text: string;
}

/** Puts lines together from pieces of several streams; a line has the stamp of its first piece. */
function createAssembler() {
  const partials = new Map<number, Partial>();
  return {
    *push(stream: number, stamp: string, data: Buffer): Generator<StampedLine> {
      const partial = partials.get(stream) ?? { decoder: new StringDecoder('utf8'), stamp: '', text: '' };
      partials.set(stream, partial);
      if (partial.text === '') partial.stamp = stamp;
      const lines = (partial.text + partial.decoder.write(data)).split('\n');
      partial.text = lines.pop() ?? '';
      for (const text of lines) {
        yield { stamp: partial.stamp, text: withoutReturn(text) };
        partial.stamp = stamp;
      }
      while (partial.text.length > maxLineLength) {
        yield { stamp: partial.stamp, text: partial.text.slice(0, maxLineLength) };
        partial.text = partial.text.slice(maxLineLength);
      }
    },
    *end(): Generator<StampedLine> {
      for (const { stamp, text } of partials.values()) if (text !== '') yield { stamp, text: withoutReturn(text) };
    },
  };
}

/** A terminal ends its lines with both. */
function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
