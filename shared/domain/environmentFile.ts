/**
 * Reads a file of `EnvironmentFile=`, as systemd.exec(5) says and systemd's own parser does: `NAME=value` lines,
 * comments with `#` or `;`. A value may be made of several quoted pieces, whose line ends count; unquoted, a backslash
 * takes the next character as it is, and a line end away. What is no assignment is passed over, as systemd does.
 */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const environment: Record<string, string> = {};
  const scanner = new Scanner(text);
  while (!scanner.isAtEnd) {
    scanner.take(/[ \t\r\n]*/y);
    if (scanner.take(/[#;][^\r\n]*/y) !== '') continue;
    const name = scanner.take(/(?:[^\r\n][^=\r\n]*)?/y).trimEnd();
    if (scanner.take(/=/y) === '') continue;
    const value = readValue(scanner);
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) environment[name] = value;
  }
  return environment;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** What the (sticky) pattern matches here, and goes past it; '' where it does not match. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }
}

/** Quoted pieces one after the other, blanks between them dropped; then whatever stands there unquoted. */
function readValue(scanner: Scanner): string {
  for (let value = ''; ; ) {
    scanner.take(/[ \t]*/y);
    const quoted = scanner.take(/'[^']*'?|"(?:\\.|[^"\\])*\\?"?/sy);
    if (quoted === '') return value + unescapeBare(scanner.take(/(?:\\.|[^\\\r\n])*\\?/sy));
    value += quoted.startsWith("'") ? quoted.replace(/^'|'$/g, '') : unescapeDouble(quoted);
  }
}

function unescapeDouble(quoted: string): string {
  const [, inner = ''] = /^"((?:\\.|[^"\\])*)/s.exec(quoted) ?? [];
  return inner.replace(/\\(["\\`$])|\\\n/g, '$1');
}

/** Blanks at the end are dropped, unless a backslash protects them. */
function unescapeBare(bare: string): string {
  const [kept = ''] = /^(?:[ \t]*(?:\\.?|[^\\ \t]))*/s.exec(bare) ?? [];
  return kept.replace(/\\(.?)/gs, (_, char: string) => (char === '\n' || char === '\r' ? '' : char));
}
