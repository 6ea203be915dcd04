/** The command lines of scripts: what each takes, how it is read, and what is said to somebody who types another one. */
import { parseArgs } from 'node:util';
import { exitCode, UsageError } from '../../cli/errors.ts';
import { suggest } from '../../shared/domain/suggest.ts';

export interface CommandLine<O extends Options = Options> {
  /** As it is typed: `npm run simulate`. */
  command: string;
  /** What it does, in a line. */
  about: string;
  options: O;
  /** What it takes beside them, any number of times; absent: nothing. */
  words?: { placeholder: string; about: string; among?: readonly string[] };
}

/** One option, by its name without dashes. */
export interface Option<T> {
  about: string;
  /** What stands for its value in the usage; absent: it has none. */
  placeholder?: string;
  /** Undefined: it was not given. @throws {UsageError} what is wrong with the value, to be read after the option's name. */
  read(value: string | undefined): T;
}

type Options = Readonly<Record<string, Option<unknown>>>;
type Values<O extends Options> = { readonly [name in keyof O]: ReturnType<O[name]['read']> };

export function flag(about: string): Option<boolean> {
  return { about, read: (value) => value !== undefined };
}

export function text(placeholder: string, about: string): Option<string | undefined> {
  return { placeholder, about, read: (value) => value };
}

/** A whole number that is not less than `min`; `otherwise` where it is not given. */
export function whole<D extends number | undefined>(
  placeholder: string,
  about: string,
  { min, otherwise }: { min: number; otherwise: D },
): Option<number | D> {
  const read = (value: string) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= min) return number;
    throw new UsageError(`takes a whole number from ${min}, not "${value}"`);
  };
  return {
    placeholder,
    about: withDefault(about, otherwise),
    read: (value) => (value === undefined ? otherwise : read(value)),
  };
}

/** A number of minutes, more than none. */
export function minutes(placeholder: string, about: string, otherwise: number): Option<number> {
  const read = (value: string) => {
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : 0;
    if (number > 0) return number;
    throw new UsageError(`takes a number of minutes, more than 0, not "${value}"`);
  };
  return {
    placeholder,
    about: withDefault(about, otherwise),
    read: (value) => (value === undefined ? otherwise : read(value)),
  };
}

function withDefault(about: string, otherwise: number | undefined): string {
  return otherwise === undefined ? about : `${about} (${otherwise})`;
}

/**
 * What this process was called with. For `--help` it prints the usage and ends the process with 0; where the command
 * line is wrong, it says in one line how, and ends it with 2.
 */
export function readCommandLine<O extends Options>(line: CommandLine<O>): { values: Values<O>; words: string[] } {
  const args = process.argv.slice(2);
  if (asksForHelp(args)) {
    console.log(usageOf(line));
    process.exit(exitCode.done);
  }
  try {
    return parseCommandLine(line, args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return refuseCommandLine(line, error.message);
  }
}

/** Says what is wrong, and ends the process with 2. */
export function refuseCommandLine({ command }: CommandLine, problem: string): never {
  console.error(`${command}: ${problem}`);
  process.exit(exitCode.usage);
}

function asksForHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h');
}

/** @throws {UsageError} */
export function parseCommandLine<O extends Options>(
  line: CommandLine<O>,
  args: readonly string[],
): { values: Values<O>; words: string[] } {
  const known = Object.entries(line.options);
  const types = known.map(([name, { placeholder }]) => [
    name,
    { type: placeholder === undefined ? 'boolean' : 'string' },
  ]);
  const options = Object.fromEntries(types) as Record<string, { type: 'boolean' | 'string' }>;
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(wordOf(line, token.value));
    if (token.kind === 'option') given.set(token.name, givenValue(line, token));
  }
  const values = known.map(([name, option]) => [name, readOption(name, option, given.get(name))]);
  return { values: Object.fromEntries(values) as Values<O>, words };
}

function wordOf(line: CommandLine, word: string): string {
  const { words } = line;
  if (words === undefined) throw new UsageError(`cannot make use of "${word}"; ${takes(line)}`);
  if (words.among === undefined || words.among.includes(word)) return word;
  throw new UsageError(`there is no "${word}"${meant(word, words.among)}; there are ${words.among.join(', ')}`);
}

function givenValue(
  line: CommandLine,
  { name, rawName, value }: { name: string; rawName: string; value?: string | undefined },
): string {
  const option = Object.hasOwn(line.options, name) ? line.options[name] : undefined;
  const names = Object.keys(line.options).map((one) => `--${one}`);
  if (option === undefined)
    throw new UsageError(`there is no option ${rawName}${meant(rawName, names)}; ${takes(line)}`);
  const isMissing = option.placeholder !== undefined && (value === undefined || value === '' || value.startsWith('--'));
  if (isMissing) throw new UsageError(`${rawName} needs a value: ${spelled(name, option)}`);
  if (option.placeholder === undefined && value !== undefined) throw new UsageError(`${rawName} takes no value`);
  return value ?? '';
}

function readOption(name: string, option: Option<unknown>, value: string | undefined): unknown {
  try {
    return option.read(value);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`--${name} ${error.message}`, { cause: error });
  }
}

function meant(word: string, candidates: readonly string[]): string {
  const found = suggest(word, candidates);
  return found === null ? '' : ` (did you mean ${found}?)`;
}

function takes({ options, words }: CommandLine): string {
  const all = Object.entries(options).map(([name, option]) => spelled(name, option));
  const rest = words === undefined ? [] : [`${words.placeholder}…`];
  return `it takes ${[...all, '--help', ...rest].join(', ')}`;
}

function spelled(name: string, { placeholder }: Option<unknown>): string {
  return placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`;
}

/** What `--help` prints. */
export function usageOf({ command, about, options, words }: CommandLine): string {
  const rows = Object.entries(options).map(([name, option]): [string, string] => [spelled(name, option), option.about]);
  const call = [...(rows.length > 0 ? ['[options]'] : []), ...(words ? [`[${words.placeholder}…]`] : [])];
  const among = words?.among === undefined ? '' : `: ${words.among.join(', ')}`;
  if (words) rows.push([words.placeholder, words.about + among]);
  const width = Math.max(0, ...rows.map(([what]) => what.length));
  return [
    `usage: ${[command, ...(call.length > 0 ? ['--'] : []), ...call].join(' ')}`,
    about,
    ...rows.map(([what, means]) => `  ${what.padEnd(width)}  ${means}`),
  ].join('\n');
}
