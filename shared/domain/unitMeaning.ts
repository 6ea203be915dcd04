import { freeze } from './freeze.ts';
import { type Interpretation, interpretUnit } from './interpretUnit.ts';
import type { Problem } from './problem.ts';
import type { HostFacts } from './specifiers.ts';
import { parseUnitFile, type UnitFile } from './unitFile.ts';
import type { UnitName } from './unitName.ts';

/** What a unit's text says under its name. */
export interface UnitMeaning extends Interpretation {
  file: UnitFile;
  /** What of the text cannot even be read. */
  syntax: Problem[];
}

/** So many meanings are remembered, of texts of at most so many characters. */
const [mostRemembered, longestRemembered] = [1_000, 4_096];

/** The oldest first. */
const remembered = new Map<string, UnitMeaning>();

/**
 * Reads a unit's text as `parseUnitFile` and `interpretUnit` do. The same units come again and again: at each of their
 * starts, and each time that they are moved, or get a version back. So what was read lately is not read anew, and is
 * frozen, for many have it.
 */
export function meaningOf(
  unit: UnitName,
  text: string,
  host?: HostFacts,
  options: { allowUnsupported?: boolean } = {},
): UnitMeaning {
  if (text.length > longestRemembered) return read(unit, text, host, options);
  const key = JSON.stringify([unit.name, options, host, text]);
  const known = remembered.get(key);
  if (known) return known;
  const meaning = freeze(read(unit, text, host, options));
  if (remembered.size >= mostRemembered) forgetOldest();
  remembered.set(key, meaning);
  return meaning;
}

function read(unit: UnitName, text: string, host: HostFacts | undefined, options: { allowUnsupported?: boolean }) {
  const { file, problems: syntax } = parseUnitFile(text);
  return { file, syntax, ...interpretUnit(unit, file, host, options) };
}

function forgetOldest(): void {
  for (const key of remembered.keys()) {
    remembered.delete(key);
    return;
  }
}
