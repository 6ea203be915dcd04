/** `[X-Fleet]`: where a unit may run, as fleet reads it, with its older spellings. */
import type { DirectiveReader } from './directiveReader.ts';
import { globProblem, matchesGlob } from './glob.ts';
import type { UnitOption } from './unitFile.ts';
import { parseUnitName, type UnitName } from './unitName.ts';
import type { Placement } from './unitSpec.ts';
import { parseBoolean } from './values.ts';

const section = 'X-Fleet';

/** Everything but the runtimes, which the commands decide. The reader must know the specifiers of the name alone. */
export function readPlacement(reader: DirectiveReader, unit: UnitName): Omit<Placement, 'runtimes'> {
  const machineId = readOne(reader, 'MachineID', 'X-ConditionMachineID');
  const machineOf = readOne(reader, 'MachineOf', 'X-ConditionMachineOf');
  const replaces = readGlobs(reader, 'Replaces');
  const placement = {
    global: reader.value(section, 'Global', parseBoolean, false),
    metadata: readMetadata(reader),
    conflicts: readGlobs(reader, 'Conflicts', 'X-Conflicts'),
    ...(replaces.length === 0 ? {} : { replaces }),
    ...(machineId === undefined ? {} : { machineId: machineId.word }),
    ...(machineOf === undefined ? {} : { machineOf: machineOf.word }),
  };
  if (machineOf !== undefined)
    checkMachineOf(reader, machineOf, unit, { Conflicts: placement.conflicts, Replaces: replaces });
  if (placement.global) checkGlobal(reader, [machineId, machineOf]);
  if (replaces.length > 0) checkReplaces(reader, placement);
  return placement;
}

interface Located {
  option: UnitOption;
  word: string;
}

function readOne(reader: DirectiveReader, ...names: string[]): Located | undefined {
  const [first, ...others] = reader.words(section, names, 'keep');
  const other = others.find(({ word }) => word !== first?.word);
  if (other) reader.fail(other.option, `contradicts ${first?.word}: a unit runs on one machine`);
  return first;
}

/** Different keys must all match; of several values of one key any may. */
function readMetadata(reader: DirectiveReader): Placement['metadata'] {
  const valuesByKey = new Map<string, string[]>();
  for (const { option, word } of reader.words(section, ['MachineMetadata', 'X-ConditionMachineMetadata'], 'keep')) {
    const [, key, value] = /^([^=]+)=([^=]+)$/.exec(word) ?? [];
    if (key === undefined || value === undefined) {
      reader.fail(option, `: ${JSON.stringify(word)} is no pair, such as region=eu-west`);
      continue;
    }
    const values = valuesByKey.get(key) ?? [];
    if (!values.includes(value)) valuesByKey.set(key, [...values, value]);
  }
  return Array.from(valuesByKey, ([key, values]) => ({ key, values }));
}

function readGlobs(reader: DirectiveReader, ...names: string[]): string[] {
  const globs = new Set<string>();
  for (const { option, word } of reader.words(section, names, 'keep')) {
    const problem = globProblem(word);
    if (problem === null) globs.add(word);
    else reader.fail(option, `is no glob: ${problem}`);
  }
  return [...globs];
}

function checkMachineOf(
  reader: DirectiveReader,
  { option, word }: Located,
  unit: UnitName,
  apart: Record<string, readonly string[]>,
): void {
  const { value, problems } = parseUnitName(word);
  reader.adopt(option, problems);
  if (value === null) return;
  if (word === unit.name) reader.fail(option, 'names the unit itself');
  if (value.isTemplate) reader.fail(option, 'names a template: name an instance');
  for (const [directive, globs] of Object.entries(apart)) {
    const glob = globs.find((one) => matchesGlob(one, word));
    if (glob !== undefined) reader.fail(option, `can never hold together with ${directive}=${glob}`);
  }
}

function checkGlobal(reader: DirectiveReader, others: (Located | undefined)[]): void {
  for (const { option } of others.filter((other) => other !== undefined)) {
    reader.fail(option, 'cannot stand with Global=: a global unit takes only MachineMetadata= and Conflicts=');
  }
}

/** fleet's rule: who keeps units away, or is everywhere, cannot send one elsewhere. */
function checkReplaces(reader: DirectiveReader, { global, conflicts }: { global: boolean; conflicts: string[] }): void {
  const other = global ? 'Global' : conflicts.length > 0 ? 'Conflicts' : null;
  const [option] = reader.list(section, 'Replaces');
  if (other !== null && option) reader.fail(option, `cannot stand with ${other}=`);
}
