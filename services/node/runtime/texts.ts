import type { JournalLine } from './runtime.ts';

/** The lines of a journal without their moments. */
export async function* texts(lines: AsyncIterable<JournalLine>): AsyncGenerator<string> {
  for await (const { text } of lines) yield text;
}
