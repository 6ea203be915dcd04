/** Words, quotes and escapes of directive values: systemd.syntax(7), "Quoting", as systemd's extract_first_word() reads. */
import { decodeUtf8 } from './utf8.ts';

/**
 * What a backslash means. `decode`: C escapes, others are an error. `lenient`: C escapes, others stay as they stand.
 * `keep`: nothing (unit names contain backslashes). `drop`: it makes the next character an ordinary one.
 */
export type EscapeMode = 'decode' | 'lenient' | 'keep' | 'drop';

export interface Word {
  text: string;
  /** Index after the word. */
  end: number;
  /** Escapes that are none and were kept as they stand. */
  unknownEscapes: string[];
}

export function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

export function skipBlanks(text: string, start: number): number {
  let at = start;
  while (isBlank(text[at])) at += 1;
  return at;
}

/** The word that begins at or after `start`: null at the end of the text, a message where quotes or escapes are wrong. */
export function readWord(text: string, start: number, mode: EscapeMode): Word | null | { error: string } {
  const builder = new WordBuilder();
  const unknownEscapes: string[] = [];
  let at = skipBlanks(text, start);
  let quote = '';
  if (at >= text.length) return null;
  while (at < text.length && (quote !== '' || !isBlank(text[at]))) {
    const char = text.charAt(at);
    if (char === '\\' && mode !== 'keep') {
      const found = readEscape(text, at, mode);
      if (found === null) return { error: `${text.slice(at, at + 2)} is no escape: write \\\\ for a backslash` };
      if (found.unknown) unknownEscapes.push(found.text);
      builder.add(found);
      at += found.length;
      continue;
    }
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else builder.add({ text: char });
    at += 1;
  }
  if (quote !== '' && mode !== 'drop') return { error: `a ${quote} is never closed` };
  const word = builder.finish();
  return word === null ? { error: 'escaped bytes do not make UTF-8 text' } : { text: word, end: at, unknownEscapes };
}

/** All words of a value. */
export function splitWords(text: string, mode: EscapeMode): { words: string[]; error?: string } {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    const word = readWord(text, at, mode);
    if (word === null) return { words };
    if ('error' in word) return { words, error: word.error };
    words.push(word.text);
    at = word.end;
  }
}

/** Puts a word together; bytes that are escaped one by one may make one character. */
class WordBuilder {
  #text = '';
  #bytes: number[] = [];
  #valid = true;

  add(piece: { text: string } | { byte: number }): void {
    if ('byte' in piece) {
      this.#bytes.push(piece.byte);
      return;
    }
    this.#flush();
    this.#text += piece.text;
  }

  /** null where the bytes are not UTF-8. */
  finish(): string | null {
    this.#flush();
    return this.#valid ? this.#text : null;
  }

  #flush(): void {
    if (this.#bytes.length === 0) return;
    const decoded = decodeUtf8(Uint8Array.from(this.#bytes));
    this.#bytes = [];
    if (decoded === null) this.#valid = false;
    else this.#text += decoded;
  }
}

type Escape = { length: number; unknown: boolean; text: string; byte?: never } | ByteEscape;
type ByteEscape = { length: number; unknown: false; text: ''; byte: number };

const simpleEscapes: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** The escape at `at`, where a backslash stands; null where it is none. */
function readEscape(text: string, at: number, mode: 'decode' | 'lenient' | 'drop'): Escape | null {
  const next = text.charAt(at + 1);
  if (mode === 'drop') return { length: 2, unknown: false, text: next };
  const simple = simpleEscapes[next];
  if (simple !== undefined) return { length: 2, unknown: false, text: simple };
  const numeric = readNumericEscape(text, at);
  if (numeric !== null) return numeric;
  return mode === 'lenient' ? { length: 2, unknown: true, text: `\\${next}` } : null;
}

const numericEscape = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

function readNumericEscape(text: string, at: number): Escape | null {
  numericEscape.lastIndex = at;
  const match = numericEscape.exec(text);
  if (match === null) return null;
  const [whole, hex, octal, short, long] = match;
  const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
  const isByte = hex !== undefined || octal !== undefined;
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  if (code === 0 || (isByte ? code > 255 : !isCharacter)) return null;
  if (isByte && code > 127) return { length: whole.length, unknown: false, text: '', byte: code };
  return { length: whole.length, unknown: false, text: String.fromCodePoint(code) };
}
