import { globalOptions, verbs } from './verbs.ts';

/** Verbs of several words: `kv lease grant`. */
const groups = new Set(verbs.flatMap(({ name }) => (name.includes(' ') ? [name.slice(0, name.indexOf(' '))] : [])));

/**
 * The words of a verb as one argument, as the parser and the table of verbs have it. Of a verb that there is not, as many
 * words as its group's verbs have: so that it can be said which one was probably meant.
 */
export function joinVerb(argv: readonly string[]): string[] {
  const at = firstOperand(argv);
  const words = argv.slice(at, at + 3);
  if (!groups.has(words[0] ?? '')) return [...argv];
  const operands = words.findIndex((word) => word.startsWith('-'));
  const said = operands < 0 ? words : words.slice(0, operands);
  const count = verbLength(said);
  return [...argv.slice(0, at), said.slice(0, count).join(' '), ...argv.slice(at + count)];
}

/** Of all verbs of a group: `kv`, or of a part of it: `kv lease`. */
export function isGroup(name: string): boolean {
  return verbs.some((verb) => verb.name.startsWith(`${name} `));
}

function verbLength(words: readonly string[]): number {
  const [whole, two] = [words.join(' '), words.slice(0, 2).join(' ')];
  if (verbs.some(({ name }) => name === two)) return 2;
  return verbs.some(({ name }) => name === whole) || isGroup(two) ? words.length : Math.min(2, words.length);
}

const withValue = new Set(globalOptions.flatMap(([flags]) => (flags.includes('<') ? [flags.split(' ')[0]] : [])));

/** Where the verb stands: options that every verb has may stand before it, with their values. */
export function firstOperand(argv: readonly string[]): number {
  let at = 0;
  while (argv[at]?.startsWith('-') && argv[at] !== '--') at += withValue.has(argv[at]) ? 2 : 1;
  return at;
}
