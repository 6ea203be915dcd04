/** Units that come along with others: what a timer starts has to be known to the cluster, too. */
import { dirname, join } from 'node:path';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName, templateOfName } from '../shared/domain/unitName.ts';
import type { NamedUnit } from '../shared/protocol/commands.ts';
import type { Client } from './client.ts';
import { type Checking, findUnits } from './unitFiles.ts';
import { withType } from './unitNames.ts';

/** A unit, and the word that it was found by. */
export interface FoundUnit extends NamedUnit {
  typed: string;
}

/** The units that these start and the cluster does not know, and what those start, with the files that stand beside theirs. */
export async function findCompanions(
  client: Client,
  units: readonly FoundUnit[],
  options: Checking,
): Promise<NamedUnit[]> {
  const found = new Map<string, FoundUnit>(units.map((unit) => [unit.name, unit]));
  for (const unit of found.values()) {
    const target = targetOf(unit);
    if (target === null || found.has(target)) continue;
    const typed = join(dirname(withType(unit.typed)), target);
    const [companion] = await findUnits([typed], options);
    if (companion) found.set(target, { ...companion, typed });
  }
  const companions = [...found.values()].slice(units.length).map(({ typed: _, ...unit }) => unit);
  if (companions.length === 0) return [];
  const { data } = await client.query({ type: 'ListUnitFiles' });
  const known = new Set(data.units.map(({ unit }) => unit));
  return companions.filter(
    ({ name, text }) => !known.has(name) && (text !== undefined || known.has(templateOfName(name) ?? '')),
  );
}

function targetOf({ name, text }: NamedUnit): string | null {
  const { value } = parseUnitName(name);
  if (value === null || text === undefined) return null;
  const { spec } = interpretUnit(value, parseUnitFile(text).file, undefined, { allowUnsupported: true });
  return spec?.placement.activates ?? null;
}
