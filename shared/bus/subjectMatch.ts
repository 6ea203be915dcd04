/**
 * Whether a subject matches a pattern, where `*` stands for one token and a final `>` for one or more.
 * Reference: https://docs.nats.io/nats-concepts/subjects#wildcards
 */
export function subjectMatches(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  // Most are told apart by how they begin, without being taken apart.
  const firstWildcard = wildcardIn(pattern);
  if (firstWildcard === -1 || !subject.startsWith(pattern.slice(0, firstWildcard))) return false;
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  const open = wanted.at(-1) === '>';
  const fixed = open ? wanted.slice(0, -1) : wanted;
  if (open ? tokens.length <= fixed.length : tokens.length !== fixed.length) return false;
  return fixed.every((token, index) => token === '*' || token === tokens[index]);
}

function wildcardIn(pattern: string): number {
  const star = pattern.indexOf('*');
  return star === -1 && pattern.endsWith('>') ? pattern.length - 1 : star;
}
