/**
 * Globs on unit names, as `Conflicts=` of `[X-Fleet]` takes them: `*`, `?`, and sets such as `[a-c]` and `[^0-9]`.
 * A backslash is an ordinary character: escaped unit names contain it, and no character of a name needs escaping.
 */
type Token = { kind: 'any' } | { kind: 'one'; matches: (char: string) => boolean };

/** Whether the whole text matches; a pattern that {@link globProblem} objects to matches only itself. */
export function matchesGlob(pattern: string, text: string): boolean {
  if (!/[*?[]/.test(pattern)) return pattern === text;
  const tokens = tokenize(pattern);
  return tokens === null ? pattern === text : matchTokens(tokens, Array.from(text));
}

/** As fnmatch(3) has it: a backslash takes the meaning from what follows it, and a set that is never closed is none. */
export function matchesShellPattern(pattern: string, text: string, { foldCase = false } = {}): boolean {
  const fold = (given: string) => (foldCase ? given.toLowerCase() : given);
  return matchTokens(tokenizeShellPattern(fold(pattern)), Array.from(fold(text)));
}

/** What is wrong with a pattern, or null. */
export function globProblem(pattern: string): string | null {
  return tokenize(pattern) === null ? `the set in ${JSON.stringify(pattern)} is empty or never closed` : null;
}

/** Goes back to the last `*` only: at most the product of both lengths. */
function matchTokens(tokens: readonly Token[], chars: readonly string[]): boolean {
  let at = 0;
  let next = 0;
  let star: { token: number; char: number } | null = null;
  while (at < chars.length) {
    const token = tokens[next];
    if (token?.kind === 'any') {
      star = { token: next, char: at };
      next += 1;
    } else if (token?.matches(chars[at] ?? '')) {
      next += 1;
      at += 1;
    } else if (star !== null) {
      star.char += 1;
      next = star.token + 1;
      at = star.char;
    } else return false;
  }
  return tokens.slice(next).every((token) => token.kind === 'any');
}

function tokenize(pattern: string): Token[] | null {
  const tokens: Token[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at];
    if (char === '*') tokens.push({ kind: 'any' });
    else if (char === '?') tokens.push({ kind: 'one', matches: () => true });
    else if (char === '[') {
      // A `]` right after the opening belongs to the set.
      const isNegated = chars[at + 1] === '^' || chars[at + 1] === '!';
      const first = at + (isNegated ? 2 : 1);
      const end = chars.indexOf(']', first + 1);
      if (end < 0) return null;
      tokens.push(setToken(chars.slice(first, end), isNegated));
      at = end;
    } else tokens.push({ kind: 'one', matches: (other) => other === char });
  }
  return tokens;
}

function tokenizeShellPattern(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (const [part] of pattern.matchAll(/\\.|\[[!^]?.[^\]]*\]|\\$|[^\\]/gsu)) {
    const [literal = part] = /^\\(.)$/su.exec(part)?.slice(1) ?? [];
    const isEscaped = literal !== part;
    const tokensOfPart = isEscaped || (part.startsWith('[') && part.length === 1) ? null : tokenize(part);
    tokens.push(...(tokensOfPart ?? [{ kind: 'one', matches: (other: string) => other === literal } as const]));
  }
  return tokens;
}

function setToken(members: readonly string[], isNegated: boolean): Token {
  const ranges: [from: string, to: string][] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at] ?? '';
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return { kind: 'one', matches: (char) => ranges.some(([from, to]) => from <= char && char <= to) !== isNegated };
}
