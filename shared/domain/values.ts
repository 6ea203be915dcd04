/** Values of directives: booleans, numbers, sizes, percentages, modes. Semantics: systemd.syntax(7) and the pages of each directive. */

/** A value, or why the text is none (a clause to put after "Name=text: "). */
export type Parsed<T> = { value: T } | { error: string };

const truths = new Set(['1', 'yes', 'y', 'true', 't', 'on']);
const falsehoods = new Set(['0', 'no', 'n', 'false', 'f', 'off']);

export function parseBoolean(text: string): Parsed<boolean> {
  const word = text.toLowerCase();
  if (truths.has(word)) return { value: true };
  return falsehoods.has(word) ? { value: false } : { error: 'is neither yes nor no' };
}

export function parseUnsigned(text: string): Parsed<number> {
  const value = Number(text);
  const isWhole = /^\d+$/.test(text) && value <= 0xffffffff;
  return isWhole ? { value } : { error: 'is no whole number from 0 to 4294967295' };
}

/** A file mode in octal digits, such as 0022. */
export function parseMode(text: string): Parsed<number> {
  const value = Number.parseInt(text, 8);
  return /^[0-7]+$/.test(text) && value <= 0o7777 ? { value } : { error: 'is no octal mode up to 7777' };
}

/** One of the given words. */
export function parseChoice<T extends string>(...choices: readonly T[]): (text: string) => Parsed<T> {
  return (text) => {
    const choice = choices.find((word) => word === text);
    return choice === undefined ? { error: `is none of ${choices.join(', ')}` } : { value: choice };
  };
}

const sizeUnits = ['E', 'P', 'T', 'G', 'M', 'K', 'B', ''];
const sizePart = /[ \t\r\n]*\+?(\d+)(?:\.(\d*))?[ \t\r\n]*([EPTGMKB]?)/y;

/**
 * Bytes. Suffixes K M G T P E count in 1024s; several parts in falling order are added up (`1G 512M`), fractions are
 * allowed (`1.5G`).
 */
export function parseSize(text: string): Parsed<number> {
  const error = { error: 'is no size in bytes, such as 512M or 1.5G' };
  let bytes = 0;
  let rank = -1;
  for (let at = 0; at < text.length || rank < 0; at = sizePart.lastIndex) {
    sizePart.lastIndex = at;
    const part = sizePart.exec(text);
    if (part === null) return error;
    const [, whole = '', fraction = '', unit = ''] = part;
    const previous = rank;
    rank = sizeUnits.indexOf(unit);
    if (rank <= previous) return error;
    const factor = 1024 ** Math.max(0, sizeUnits.indexOf('B') - rank);
    bytes += Number(whole) * factor + Math.trunc(Number(`0.${fraction}0`) * factor);
  }
  return Number.isSafeInteger(bytes) ? { value: bytes } : { error: 'is more than can be counted exactly' };
}

/** A percentage with up to two decimals, as a fraction: `150%` is 1.5. */
export function parsePercent(text: string): Parsed<number> {
  const match = /^(\d+)(?:\.(\d{1,2}))?%$/.exec(text);
  if (match === null) return { error: 'is no percentage, such as 50%' };
  const [, whole = '', decimals = ''] = match;
  return { value: (Number(whole) * 100 + Number(decimals.padEnd(2, '0'))) / 10_000 };
}

export type MemoryAmount = { bytes: number } | { fraction: number } | 'infinity';

/** An amount of memory: bytes, a share of the machine's, or no limit. */
export function parseMemory(text: string): Parsed<MemoryAmount> {
  if (text === 'infinity') return { value: 'infinity' };
  if (text.endsWith('%')) {
    const share = parsePercent(text);
    return 'error' in share ? share : { value: { fraction: share.value } };
  }
  const size = parseSize(text);
  if ('error' in size) return size;
  return size.value === 0 ? { error: 'is no memory at all' } : { value: { bytes: size.value } };
}
