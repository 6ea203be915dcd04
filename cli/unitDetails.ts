import type { UnitDetails } from '../shared/protocol/queries.ts';
import type { Client } from './client.ts';

/** Answers hold whole unit files, each up to 256 KiB. */
const unitsPerQuery = 2;

/** All that the cluster knows of these units, in that order. */
export async function describeUnits(client: Client, names: readonly string[]): Promise<UnitDetails[]> {
  const found: UnitDetails[] = [];
  for (let at = 0; at < names.length; at += unitsPerQuery) {
    const units = names.slice(at, at + unitsPerQuery);
    found.push(...(await client.query({ type: 'GetUnits', units })).data.units);
  }
  return found;
}
