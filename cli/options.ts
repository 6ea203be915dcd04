import { UsageError } from './errors.ts';

/** The options of one call, as the parser left them: camelCase keys, numbers still text. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** Whether `--name` was given. A `--no-name` is on (true) unless it was given. */
  flag(name: string): boolean {
    return this.#last(name) === true;
  }

  /**
   * The value of `--name`; of several, the last.
   * @throws {UsageError} it is empty, or has a form that no option has (`--name.x`).
   */
  text(name: string): string | undefined {
    const value = this.#last(name);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value !== '') return value;
    throw new UsageError(`${spelled(name)} needs a value`);
  }

  /** @throws {UsageError} the value is no whole number, or out of bounds. */
  count(name: string, { min, max }: { min: number; max: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (count >= min && count <= max) return count;
    throw new UsageError(`${spelled(name)} takes a whole number from ${min} to ${max}, not "${text}"`);
  }

  /** @throws {UsageError} the value is not among the allowed ones. */
  choice<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = allowed.find((value) => value === text);
    if (found !== undefined) return found;
    throw new UsageError(`${spelled(name)} is one of ${allowed.join(', ')}, not "${text}"`);
  }

  /** The same, in upper or lower case. @throws {UsageError} the value is not among the allowed ones. */
  word<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = allowed.find((value) => value === text.toLowerCase());
    if (found !== undefined) return found;
    throw new UsageError(`${spelled(name)} is one of ${allowed.join(', ')}, not "${text}"`);
  }

  #last(name: string): unknown {
    const value = this.#values[name];
    return Array.isArray(value) ? value.at(-1) : value;
  }
}

/** How an option is typed: `dockerSocket` is `--docker-socket`. */
export function spelled(name: string): string {
  if (name.length === 1) return `-${name}`;
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
