/** Which unit another one starts: a timer, a path, a socket. Semantics: systemd.timer(5), `Unit=`. */
import type { DirectiveReader } from './directiveReader.ts';
import { parseUnitName, type UnitName } from './unitName.ts';
import type { Placement } from './unitSpec.ts';
import { parseBoolean } from './values.ts';

/** Types of units that start others, and are where those are. */
const triggering: readonly string[] = ['timer', 'path', 'socket'];

/** The unit that is named; where none is, the service of the same name. */
export function readTarget(reader: DirectiveReader, section: string, directive: string, unit: UnitName): string {
  const named = reader.text(section, directive);
  const implied = `${unit.name.slice(0, -unit.type.length)}service`;
  if (named === undefined) return implied;
  const { value, problems } = parseUnitName(named.text);
  reader.adopt(named.option, problems);
  if (value?.isTemplate) reader.fail(named.option, 'names a template: name an instance');
  else if (value && value.type !== 'service') {
    const instead =
      value.type === 'target'
        ? 'write a service with Type=oneshot, ExecStart=/bin/true and the Wants= of the target'
        : `launch ${value.name} itself`;
    reader.fail(named.option, `starts no service: only services are started by other units here; ${instead}`);
  }
  return value?.name ?? implied;
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
