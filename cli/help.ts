import { suggest } from '../shared/domain/suggest.ts';
import { UsageError } from './errors.ts';
import { type Verb, type VerbOption, verbGroups } from './verb.ts';
import { globalOptions, verbs } from './verbs.ts';

/** What `flotilla help` says: every verb on a line, in groups. */
export function renderHelp(): string {
  const groups = verbGroups.map((group) => {
    const rows = verbs.filter((verb) => verb.group === group).map((verb) => [synopsis(verb), verb.summary] as const);
    return `${group}:\n${alignRows(rows, 30)}`;
  });
  return [
    'Flotilla runs systemd units on a cluster of machines and forgets none of what happened.',
    'Usage: flotilla VERB [OPTION...] [ARGUMENT...]',
    ...groups,
    `Options of every verb:\n${alignRows(globalOptions, 30)}`,
    [
      'To try it:',
      '  flotilla up                          # in one terminal',
      '  flotilla start redis.service         # in another one',
      '  flotilla list-units',
      '  flotilla events -f',
    ].join('\n'),
    'Exit codes: 0 done, 1 refused or failed, 2 wrong usage. "flotilla help VERB" tells more.',
  ].join('\n\n');
}

/** What `flotilla help kv` says: the verbs that begin with that word. */
export function renderGroupHelp(group: string): string {
  const rows = verbs
    .filter(({ name }) => name.startsWith(`${group} `))
    .map((verb) => [synopsis(verb), verb.summary] as const);
  return [
    `Usage: flotilla ${group} VERB [OPTION...] [ARGUMENT...]`,
    `Verbs:\n${alignRows(rows, 38)}`,
    `"flotilla help ${group} VERB" tells more.`,
  ].join('\n\n');
}

/** What `flotilla help VERB` says. */
export function renderVerbHelp(verb: Verb): string {
  const options = verb.options.length > 0 ? [`Options:\n${alignRows(verb.options, 26)}`] : [];
  const examples =
    verb.examples.length > 0 ? [`Examples:\n${verb.examples.map((line) => `  ${line}`).join('\n')}`] : [];
  return [
    `${verb.summary}.`,
    `Usage: flotilla ${synopsis(verb)}${verb.options.length > 0 ? ' [OPTION...]' : ''}`,
    ...options,
    `Options of every verb:\n${alignRows(globalOptions, 26)}`,
    ...examples,
  ].join('\n\n');
}

/** `start UNIT...`, as manual pages write it. */
export function synopsis({ name, args }: Verb): string {
  return [name, ...argumentsOf(args).map(showArgument)].join(' ');
}

/** One of a verb's arguments, as `Verb.args` declares them: `<key>`, `[value]`, `<...units>`. */
export interface Argument {
  name: string;
  required: boolean;
  /** There may be several. */
  rest: boolean;
}

export function argumentsOf(args: string): Argument[] {
  return [...args.matchAll(/([<[])(\.\.\.)?(\w+)[>\]]/g)].map(([, bracket, dots, name = '']) => ({
    name,
    required: bracket === '<',
    rest: dots !== undefined,
  }));
}

function showArgument({ name, required, rest }: Argument): string {
  const word = name.replaceAll(/[A-Z]/g, (letter) => `-${letter}`).toUpperCase();
  const shown = rest ? `${word.replace(/S$/, '')}...` : word;
  return required ? shown : `[${shown}]`;
}

function alignRows(rows: readonly VerbOption[], width: number): string {
  return rows.map(([term, meaning]) => `  ${term.padEnd(width - 2)}  ${meaning}`).join('\n');
}

/** @throws {UsageError} there is no such verb. */
export function findVerb(name: string): Verb {
  const verb = verbs.find((candidate) => candidate.name === name);
  if (verb) return verb;
  const meant = suggest(
    name,
    verbs.map((candidate) => candidate.name),
  );
  const hint = meant === null ? '"flotilla help" lists them' : `did you mean "${meant}"?`;
  throw new UsageError(`there is no verb "${name}": ${hint}`);
}
