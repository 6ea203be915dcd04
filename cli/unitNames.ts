import { basename } from 'node:path';
import { matchesGlob } from '../shared/domain/glob.ts';
import { unitTypes } from '../shared/domain/unitName.ts';
import type { Client } from './client.ts';
import { FailureError } from './errors.ts';

/** What was typed, with `.service` where it has no type of unit, as fleetctl and systemctl take it. */
export function withType(typed: string): string {
  return unitTypes.some((type) => typed.endsWith(`.${type}`)) ? typed : `${typed}.service`;
}

/** The unit that a path or a name means. */
export function unitNameOf(typed: string): string {
  return basename(withType(typed));
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
  const all = typed.some(isGlob) ? await knownUnits(client) : [];
  const known = withTemplates ? all : all.filter((name) => !name.includes('@.'));
  return [...new Set(typed.flatMap((word) => (isGlob(word) ? matching(word, known) : unitNameOf(word))))];
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
