import { basename } from 'node:path';
import { matchesGlob } from '../shared/domain/glob.ts';
import { unitTypes } from '../shared/domain/unitName.ts';
import type { Client } from './client.ts';
import { FailureError } from './errors.ts';

/** What was typed, with `.service` where it has no type of unit, as fleetctl and systemctl take it. */
export function withType(typed: string): string {
  return [...unitTypes, 'container'].some((type) => typed.endsWith(`.${type}`)) ? typed : `${typed}.service`;
}

const longestRange = 10_000;

/**
 * `web@{1..3}` as the names that bash(1) would make of it, also where the shell is another one, or it was quoted: ranges
 * of numbers, with leading zeros where either end has them, and lists (`web@{a,b}`).
 * @throws {FailureError} a range has more than 10,000 names.
 */
export function expandBraces(typed: string): string[] {
  const [whole, from, to, list] = /\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}/.exec(typed) ?? [];
  if (whole === undefined) return [typed];
  const words = list === undefined ? rangeOf(String(from), String(to)) : list.split(',');
  // A replacement text would give `$` a meaning.
  return words.flatMap((word) => expandBraces(typed.replace(whole, () => word)));
}

function rangeOf(from: string, to: string): string[] {
  const [first, last] = [Number(from), Number(to)];
  const count = Math.abs(last - first) + 1;
  if (!(count <= longestRange)) throw new FailureError(`{${from}..${to}} are more than ${longestRange} names`);
  const isPadded = [from, to].some((end) => end.length > 1 && end.startsWith('0'));
  const width = isPadded ? Math.max(from.length, to.length) : 0;
  const step = last < first ? -1 : 1;
  return Array.from({ length: count }, (_, index) => String(first + index * step).padStart(width, '0'));
}

/** The unit that a path or a name means; Quadlet's `web.container` is `web.service`, podman-systemd.unit(5). */
export function unitNameOf(typed: string): string {
  return basename(withType(typed)).replace(/\.container$/, '.service');
}

/** Whether it stands for all units that it matches; none of these characters can be in a name. */
export function isGlob(typed: string): boolean {
  return /[*?[]/.test(typed);
}

/**
 * The units that are meant: names as they are, globs by what the cluster knows; each once, in the order given. Templates
 * match a glob only where it is `withTemplates`: they do not run.
 * @throws {FailureError} a glob matches nothing.
 */
export async function resolveUnits(
  client: Client,
  typed: readonly string[],
  { withTemplates = true }: { withTemplates?: boolean } = {},
): Promise<string[]> {
  const words = typed.flatMap(expandBraces);
  const all = words.some(isGlob) ? await knownUnits(client) : [];
  const known = withTemplates ? all : all.filter((name) => !name.includes('@.'));
  return [...new Set(words.flatMap((word) => (isGlob(word) ? matching(word, known) : unitNameOf(word))))];
}

async function knownUnits(client: Client): Promise<string[]> {
  const { data } = await client.query({ type: 'ListUnitFiles' });
  return data.units.map(({ unit }) => unit);
}

function matching(pattern: string, known: readonly string[]): string[] {
  const found = known.filter((name) => matchesGlob(withType(pattern), name));
  if (found.length > 0) return found;
  throw new FailureError(`no unit of the cluster matches "${pattern}"; see: flotilla list-unit-files`);
}
