import type { Problem } from './problem.ts';
import { type EscapeMode, splitWords } from './quoting.ts';
import { expandSpecifiers, type Specifiers } from './specifiers.ts';
import { lastOption, listOptions, type UnitFile, type UnitOption } from './unitFile.ts';
import type { Parsed } from './values.ts';

/** Reads typed values out of a unit file and gathers what is wrong with them. */
export class DirectiveReader {
  readonly problems: Problem[] = [];
  readonly #file: UnitFile;
  readonly #specifiers: Specifiers;

  constructor(file: UnitFile, specifiers: Specifiers) {
    this.#file = file;
    this.#specifiers = specifiers;
  }

  /** The assignment that counts where only one may; undefined where there is none or the last one is empty. */
  last(section: string, ...names: string[]): UnitOption | undefined {
    const option = lastOption(this.#file, section, ...names);
    return option?.value === '' ? undefined : option;
  }

  list(section: string, ...names: string[]): UnitOption[] {
    return listOptions(this.#file, section, ...names);
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
    this.fail(option, text === option.value ? parsed.error : `: ${JSON.stringify(text)} ${parsed.error}`);
    return fallback;
  }

  expand(option: UnitOption, text: string): string {
    const { value, problems } = expandSpecifiers(text, this.#specifiers);
    this.adopt(option, problems);
    return value;
  }

  /** Reports what a part of the value said of itself. */
  adopt(option: UnitOption, problems: readonly Problem[]): void {
    for (const { severity, message } of problems) this.report(severity, option.line, `${option.name}=: ${message}`);
  }

  /** `predicate` goes on after "Name=value". */
  fail(option: UnitOption, predicate: string): void {
    this.report('error', option.line, describe(option, predicate));
  }

  warn(option: UnitOption, predicate: string): void {
    this.report('warning', option.line, describe(option, predicate));
  }

  report(severity: Problem['severity'], line: number | undefined, message: string): void {
    this.problems.push({ severity, ...(line === undefined ? {} : { line }), message });
  }
}

function describe({ name, value }: UnitOption, predicate: string): string {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return `${name}=${shown}${predicate.startsWith(':') ? '' : ' '}${predicate}`;
}
