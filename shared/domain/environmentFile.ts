/**
 * Reads a file of `EnvironmentFile=`: systemd.exec(5), as systemd's parse_env_file() does. Lines that are no assignment,
 * and names that are none (`export NAME` is one), are passed over.
 */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const environment = new Map<string, string>();
  const reader = new Reader(text);
  for (let found = reader.next(); found !== null; found = reader.next()) {
    const { name, value } = found;
    // No process can be given one that contains a zero byte.
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !value.includes('\0')) environment.set(name, value);
  }
  return Object.fromEntries(environment);
}

const blank = ' \t';
const newline = '\n\r';
/** What a backslash escapes between double quotes; before anything else it is an ordinary character. */
const escapable = '"\\`$';

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next line with a `=` that is no comment, whatever its name looks like; null at the end. */
  next(): { name: string; value: string } | null {
    for (;;) {
      this.#skip(blank + newline);
      if (this.#at >= this.#text.length) return null;
      const name = this.#name();
      if (name !== null) return { name, value: this.#value() };
    }
  }

  /** Leaves the reader behind the `=`; null for a comment, and for a line without one. */
  #name(): string | null {
    const line = this.#restOfLine();
    // The first character belongs to the name, whatever it is.
    const equals = '#;'.includes(line.charAt(0)) ? -1 : line.indexOf('=', 1);
    this.#at += equals < 0 ? line.length : equals + 1;
    return equals < 0 ? null : line.slice(0, equals).replace(/[ \t]+$/, '');
  }

  #restOfLine(): string {
    const rest = /[^\r\n]*/y;
    rest.lastIndex = this.#at;
    return rest.exec(this.#text)?.[0] ?? '';
  }

  /** Quoted parts, and from the first character on that is neither quoted nor blank, the rest of the line. */
  #value(): string {
    let value = '';
    for (;;) {
      this.#skip(blank);
      const char = this.#text.charAt(this.#at);
      if (char === '' || newline.includes(char)) return value;
      if (char === "'") value += this.#singleQuoted();
      else if (char === '"') value += this.#doubleQuoted();
      else return value + this.#unquoted();
    }
  }

  /** Up to the end of the line without the blanks there; an escaped end of line is none. */
  #unquoted(): string {
    let value = '';
    let length = 0;
    for (let char = this.#take(); char !== '' && !newline.includes(char); char = this.#take()) {
      const escaped = char === '\\' ? this.#take() : null;
      value += escaped === null ? char : newline.includes(escaped) ? '' : escaped;
      if (escaped !== null || !blank.includes(char)) length = value.length;
    }
    return value.slice(0, length);
  }

  #singleQuoted(): string {
    const start = this.#at + 1;
    const end = this.#text.indexOf("'", start);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return this.#text.slice(start, end < 0 ? undefined : end);
  }

  #doubleQuoted(): string {
    let value = '';
    this.#at += 1;
    for (let char = this.#take(); char !== '' && char !== '"'; char = this.#take()) {
      if (char !== '\\') value += char;
      else value += unescaped(this.#take());
    }
    return value;
  }

  #take(): string {
    const char = this.#text.charAt(this.#at);
    this.#at += 1;
    return char;
  }

  #skip(chars: string): void {
    while (this.#at < this.#text.length && chars.includes(this.#text.charAt(this.#at))) this.#at += 1;
  }
}

/** What a backslash before that character, between double quotes, leaves: the end of a line is joined to the next. */
function unescaped(char: string): string {
  if (char === '' || char === '\n') return '';
  return escapable.includes(char) ? char : `\\${char}`;
}
