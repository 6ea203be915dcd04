/** Which unit another one starts: a timer, a path, a socket. Semantics: systemd.timer(5), `Unit=`. */
import type { DirectiveReader } from './directiveReader.ts';
import type { UnitOption } from './unitFile.ts';
import { parseUnitName, type UnitName } from './unitName.ts';
import type { Placement } from './unitSpec.ts';
import { parseBoolean } from './values.ts';

/** Types of units that start others, and are where those are. */
const triggering: readonly string[] = ['timer', 'path', 'socket'];

/** Types of units that the cluster runs, and that a timer or a path may start. */
const startable: readonly string[] = ['service', 'target', ...triggering];

/** The unit that is named in `Unit=`; where none is, the service of the same name. */
export function readTarget(reader: DirectiveReader, section: string, unit: UnitName): string {
  const [option, ...further] = reader.assignments(section, 'Unit');
  for (const second of further)
    reader.fail(second, 'names a second unit: only one can be started; drop it, or name a target');
  if (option === undefined) return serviceOf(unit);
  const named = reader.expand(option, option.value);
  const { value, problems } = parseUnitName(named);
  reader.adopt(option, problems);
  if (value?.name === unit.name) reader.fail(option, 'is the unit itself: name what it shall start');
  else if (value && !startable.includes(value.type)) {
    reader.fail(option, `is a ${value.type} unit, which is the machine’s own: name a service that has it started`);
  }
  return nameOf(reader, option, value) ?? serviceOf(unit);
}

/** The service that is named in `Service=`; where none is, the one of the same name. */
export function readSocketService(reader: DirectiveReader, section: string, unit: UnitName): string {
  const named = reader.text(section, 'Service');
  if (named === undefined) return serviceOf(unit);
  const { value, problems } = parseUnitName(named.text);
  reader.adopt(named.option, problems);
  if (value && value.type !== 'service')
    reader.fail(named.option, 'is no service: sockets are handed to services only');
  return nameOf(reader, named.option, value) ?? serviceOf(unit);
}

function nameOf(reader: DirectiveReader, option: UnitOption, named: UnitName | null): string | undefined {
  if (named?.isTemplate) reader.fail(option, 'names a template: name an instance');
  return named?.name;
}

function serviceOf({ name, type }: UnitName): string {
  return `${name.slice(0, -type.length)}service`;
}

export function isTriggering(type: string): boolean {
  return triggering.includes(type);
}

const placing = ['X-Fleet', 'X-Flotilla'];

/** It is where the unit that it starts is, so that nothing else may be said of its place. */
export function readTriggerPlacement(reader: DirectiveReader, target: string): Placement {
  const global = reader.value('X-Fleet', 'Global', parseBoolean, false);
  for (const option of placing.flatMap((section) => reader.all(section))) {
    const isImplied = option.name === 'MachineOf' && option.value === target && !global;
    if (option.name === 'Global' || isImplied) continue;
    reader.fail(option, `cannot stand here: the unit is where ${target} is, so write it there`);
  }
  const place = global ? {} : { machineOf: target };
  return { global, ...place, activates: target, metadata: [], conflicts: [], runtimes: [] };
}
