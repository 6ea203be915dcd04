import type { Problem } from './problem.ts';
import { type EscapeMode, splitWords } from './quoting.ts';
import { expandSpecifiers, type Specifiers } from './specifiers.ts';
import { lastOption, listOptions, type UnitFile, type UnitOption } from './unitFile.ts';
import type { Parsed } from './values.ts';

/** Nobody reads more, of one file. */
const mostProblems = 1_000;

/** Reads typed values out of a unit file and gathers what is wrong with them. */
export class DirectiveReader {
  readonly problems: Problem[] = [];
  readonly #file: UnitFile;
  readonly #specifiers: Specifiers;
  #hasMore = false;

  constructor(file: UnitFile, specifiers: Specifiers) {
    this.#file = file;
    this.#specifiers = specifiers;
  }

  hasSection(name: string): boolean {
    return this.#file.sections.some((section) => section.name === name);
  }

  /** The assignment that counts where only one may; undefined where there is none or the last one is empty. */
  last(section: string, ...names: string[]): UnitOption | undefined {
    const option = lastOption(this.#file, section, ...names);
    return option?.value === '' ? undefined : option;
  }

  list(section: string, ...names: string[]): UnitOption[] {
    return listOptions(this.#file, section, ...names);
  }

  /** Everything that stands in a section. */
  all(section: string): UnitOption[] {
    return this.#file.options.filter((option) => option.section === section);
  }

  /** Everything that is assigned to a directive, also nothing: none of it takes back what came before. */
  assignments(section: string, name: string): UnitOption[] {
    return this.all(section).filter((option) => option.name === name);
  }

  /** One value without specifiers; `fallback` where it is not stated, or wrong (which is reported). */
  value<T>(section: string, names: string | string[], parse: (text: string) => Parsed<T>, fallback: T): T {
    const option = this.last(section, ...[names].flat());
    return option === undefined ? fallback : this.parse(option, option.value, parse, fallback);
  }

  /** One text with specifiers. */
  text(section: string, name: string): { option: UnitOption; text: string } | undefined {
    const option = this.last(section, name);
    return option && { option, text: this.expand(option, option.value) };
  }

  /** All words of all assignments of a list, quotes respected, specifiers expanded. */
  words(section: string, names: string | string[], mode: EscapeMode): { option: UnitOption; word: string }[] {
    return this.list(section, ...[names].flat()).flatMap((option) => {
      const { words, error } = splitWords(option.value, mode);
      if (error !== undefined) this.fail(option, `cannot be read: ${error}`);
      return words.map((word) => ({ option, word: this.expand(option, word) }));
    });
  }

  parse<T>(option: UnitOption, text: string, parse: (text: string) => Parsed<T>, fallback: T): T {
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    if (text === option.value) this.fail(option, parsed.error);
    else this.report('error', placeOf(option, text), describe(option, `: ${JSON.stringify(text)} ${parsed.error}`));
    return fallback;
  }

  expand(option: UnitOption, text: string): string {
    const { value, problems } = expandSpecifiers(text, this.#specifiers);
    this.adopt(option, problems);
    return value;
  }

  /** Reports what a part of the value said of itself. */
  adopt(option: UnitOption, problems: readonly Problem[]): void {
    for (const { severity, message } of problems) {
      this.report(severity, () => placeOf(option, wordIn(message)), `${option.name}=: ${message}`);
    }
  }

  /** `predicate` goes on after "Name=value". */
  fail(option: UnitOption, predicate: string): void {
    this.report('error', () => placeOf(option), describe(option, predicate));
  }

  warn(option: UnitOption, predicate: string): void {
    this.report('warning', () => placeOf(option), describe(option, predicate));
  }

  /** `place` is only asked where it is told: looking for it takes time in a long line. */
  report(severity: Problem['severity'], place: Place | undefined | (() => Place), message: string): void {
    if (this.problems.length < mostProblems) {
      this.problems.push({ severity, ...(typeof place === 'function' ? place() : place), message });
    } else if (severity === 'error' && !this.#hasMore) {
      this.#hasMore = true;
      this.problems.push({ severity, message: 'there are more problems: mend those before first' });
    }
  }
}

export type Place = Pick<Problem, 'line' | 'column' | 'width'>;

/** Where the value stands, or a word in it; of continued lines the first is meant. */
function placeOf({ line, raw, value, name, column, valueColumn }: UnitOption, word?: string): Place {
  const [first = ''] = raw.split('\n', 1);
  if (value === '') return { line, column, width: name.length };
  const at = word === undefined || word === '' ? -1 : first.indexOf(word);
  const width = lengthWithin(first);
  return at < 0 || word === undefined
    ? { line, column: valueColumn, width }
    : { line, column: valueColumn + at, width: word.length };
}

/** Without the backslash that continues it, and the blanks before that. */
function lengthWithin(line: string): number {
  let end = line.endsWith('\\') ? line.length - 1 : line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end -= 1;
  return end;
}

/** The word of the value that a message is about: what it quotes, or an option of a program. */
function wordIn(message: string): string | undefined {
  const [, quoted, option] = /"([^"]+)"|(--?[a-z][\w-]*)/.exec(message) ?? [];
  return quoted ?? option;
}

/** Where the name of a directive stands. */
export function placeOfName({ line, column, name }: UnitOption): Place {
  return { line, column, width: name.length };
}

function describe({ name, value }: UnitOption, predicate: string): string {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return `${name}=${shown}${predicate.startsWith(':') ? '' : ' '}${predicate}`;
}
