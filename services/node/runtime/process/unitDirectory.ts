/** Where the process runtime keeps what: `<directory>/shim.sh` and `<directory>/units/<unit>/`. */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { boardsOf } from '../notify/noticeBoard.ts';
import { findParentGroup } from './controlGroup.ts';
import { keeperScript } from './keeper.ts';
import { findLimitSite, type LimitSite } from './limitGroups.ts';
import { readBootId } from './processTable.ts';
import { shimScript } from './shim.ts';

/** What a runtime needs to know of its machine. */
export interface Site {
  bootId: string;
  /** The shim's script, and the keeper's. */
  shim: string;
  keeper: string;
  /** Holds the units' notice boards. */
  boards: string;
  units: string;
  /** Holds the units' control groups; null: units have to do without. */
  group: string | null;
  /** Where groups that limit units may be made; null: nowhere. */
  limits: LimitSite | null;
}

export interface UnitFiles {
  directory: string;
  /** The unit, as its directory and its groups are called. */
  name: string;
  /** The shim's record of the main command. */
  main: string;
  journal: string;
  group: string | null;
}

/** @throws {Error} the directory cannot be written to, or this is no Linux. */
export function setUpSite(directory: string, groupName: string | null): Site {
  const units = join(directory, 'units');
  const shim = join(directory, 'shim.sh');
  // The journals are the units' secrets.
  mkdirSync(units, { recursive: true, mode: 0o700 });
  const keeper = join(directory, 'keeper.pl');
  replaceFile(shim, shimScript);
  replaceFile(keeper, keeperScript);
  return {
    bootId: readBootId(),
    shim,
    keeper,
    boards: boardsOf(resolve(directory)),
    units,
    group: groupName === null ? null : findParentGroup(groupName),
    limits: groupName === null ? null : findLimitSite(groupName),
  };
}

/** A newer Flotilla's, while an older one's runs. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

export function filesOf(site: Site, unit: string): UnitFiles {
  const name = fileName(unit);
  const directory = join(site.units, name);
  return {
    directory,
    name,
    main: join(directory, 'main'),
    journal: join(directory, 'journal'),
    group: site.group && join(site.group, name),
  };
}

/** Names of units are good file names but for what a careless name could reach outside the directory with. */
function fileName(unit: string): string {
  if (unit === '') throw new RangeError('a unit has a name');
  return unit.replace(/[%/]|^\./g, (char) => encodeURIComponent(char).replace('.', '%2E'));
}

export async function unitsIn(site: Site): Promise<string[]> {
  return (await readdir(site.units)).map(decodeURIComponent);
}

/** True when there was none. */
export async function makeDirectory({ directory }: UnitFiles): Promise<boolean> {
  return mkdirSync(directory, { recursive: true }) !== undefined;
}

let lastControl = 0;

/** A record for one control command. */
export function controlRecord({ directory }: UnitFiles): string {
  return join(directory, `control-${process.pid}-${++lastControl}`);
}

/** The records of all that was ever started for the unit and not cleared away. */
export async function recordsIn({ directory }: UnitFiles): Promise<string[]> {
  return namesIn(directory)
    .filter((name) => name === 'main' || name.startsWith('control-'))
    .map((name) => join(directory, name));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export async function removeDirectory({ directory }: UnitFiles): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
