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
  const value = wholeNumber(text);
  const fits = value !== null && value >= 0n && value <= 0xffffffffn;
  return fits ? { value: Number(value) } : { error: 'is no whole number from 0 to 4294967295' };
}

/** A whole number from `min` to `max`. */
export function parseWholeBetween(min: number, max: number): (text: string) => Parsed<number> {
  return (text) => {
    const value = wholeNumber(text);
    const fits = value !== null && value >= min && value <= max;
    return fits ? { value: Number(value) } : { error: `is no whole number from ${min} to ${max}` };
  };
}

/** As strtoull(3) reads it with base 0, so that `0x10` and `020` are 16; null where it is none. */
export function wholeNumber(text: string): bigint | null {
  const [, sign, digits = ''] = /^[ \t\r\n]*([+-]?)(0x[0-9a-f]+|0o[0-7]+|0b[01]+|0[0-7]*|[1-9]\d*)$/i.exec(text) ?? [];
  if (digits === '') return null;
  const value = BigInt(digits.replace(/^0(?=\d)/, '0o'));
  return sign === '-' ? -value : value;
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

/** By unit: how many decimals it may have, and how many of it make a whole. */
const shares: Record<string, { decimals: number; perWhole: number }> = {
  '%': { decimals: 2, perWhole: 100 },
  '‰': { decimals: 1, perWhole: 1_000 },
  '‱': { decimals: 0, perWhole: 10_000 },
};

/** A percentage with up to two decimals, as a fraction: `150%` is 1.5. Per mille (`‰`) and per myriad (`‱`) too. */
export function parsePercent(text: string): Parsed<number> {
  const [, whole = '', fraction = '', unit = ''] = /^[ \t]*\+?(\d+)(?:\.(\d+))?([%‰‱])$/.exec(text) ?? [];
  const share = shares[unit];
  if (!share || fraction.length > share.decimals) return { error: 'is no percentage, such as 50%' };
  const myriads = Math.round(Number(`${whole}.${fraction}0`) * (10_000 / share.perWhole));
  return myriads < 2 ** 31 ? { value: myriads / 10_000 } : { error: 'is more than can be counted' };
}

export type MemoryAmount = { bytes: number } | { fraction: number } | 'infinity';

/** An amount of memory: bytes, a share of the machine's, or no limit. */
export function parseMemory(text: string): Parsed<MemoryAmount> {
  const amount = parseMemoryOrNone(text);
  if ('error' in amount || amount.value === 'infinity') return amount;
  const isNone = 'bytes' in amount.value ? amount.value.bytes === 0 : amount.value.fraction === 0;
  return isNone ? { error: 'is no memory at all' } : amount;
}

/** The same, where none at all may be asked for, too. */
export function parseMemoryOrNone(text: string): Parsed<MemoryAmount> {
  if (text === 'infinity') return { value: 'infinity' };
  const share = parseShare(text);
  if (share !== null) return 'error' in share ? share : { value: { fraction: share.value } };
  const size = parseSize(text);
  return 'error' in size ? size : { value: { bytes: size.value } };
}

/** A share of a whole, which is never more than all of it; null where the text is no share. */
export function parseShare(text: string): Parsed<number> | null {
  if (!/[%‰‱]$/.test(text)) return null;
  const share = parsePercent(text);
  return 'value' in share && share.value > 1 ? { error: 'is more than all there is' } : share;
}
