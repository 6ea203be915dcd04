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
  const placement = {
    global: reader.value(section, 'Global', parseBoolean, false),
    metadata: readMetadata(reader),
    conflicts: readConflicts(reader),
    ...(machineId === undefined ? {} : { machineId: machineId.word }),
    ...(machineOf === undefined ? {} : { machineOf: machineOf.word }),
  };
  if (machineOf !== undefined) checkMachineOf(reader, machineOf, unit, placement.conflicts);
  if (placement.global) checkGlobal(reader, [machineId, machineOf]);
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

function readConflicts(reader: DirectiveReader): string[] {
  const globs = new Set<string>();
  for (const { option, word } of reader.words(section, ['Conflicts', 'X-Conflicts'], 'keep')) {
    const problem = globProblem(word);
    if (problem === null) globs.add(word);
    else reader.fail(option, `is no glob: ${problem}`);
  }
  return [...globs];
}

function checkMachineOf(reader: DirectiveReader, { option, word }: Located, unit: UnitName, conflicts: string[]): void {
  const { value, problems } = parseUnitName(word);
  reader.adopt(option, problems);
  if (value === null) return;
  if (word === unit.name) reader.fail(option, 'names the unit itself');
  if (value.isTemplate) reader.fail(option, 'names a template: name an instance');
  const conflict = conflicts.find((glob) => matchesGlob(glob, word));
  if (conflict !== undefined) reader.fail(option, `can never hold together with Conflicts=${conflict}`);
}

function checkGlobal(reader: DirectiveReader, others: (Located | undefined)[]): void {
  for (const { option } of others.filter((other) => other !== undefined)) {
    reader.fail(option, 'cannot stand with Global=: a global unit takes only MachineMetadata= and Conflicts=');
  }
}
