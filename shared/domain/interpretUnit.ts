import { readAnnouncements } from './announce.ts';
import { checkDirectives } from './checkDirectives.ts';
import { readConditions } from './conditions.ts';
import { DirectiveReader } from './directiveReader.ts';
import { reservedByContainers } from './execLines.ts';
import { interpretService, runtimesOf } from './interpretService.ts';
import { readLease } from './lease.ts';
import { unsupportedTypes } from './otherDirectives.ts';
import { readPath } from './path.ts';
import { readPlacement } from './placement.ts';
import { readPreferences } from './preferences.ts';
import type { Problem } from './problem.ts';
import { readDependencies } from './readDependencies.ts';
import { readRescheduleAfter } from './rescheduling.ts';
import { readSocket } from './socket.ts';
import { type HostFacts, nameSpecifiers, type Specifiers, unitSpecifiers } from './specifiers.ts';
import { readTarget } from './target.ts';
import { readTimer } from './timer.ts';
import { isTriggering, readTriggerPlacement } from './triggerTarget.ts';
import type { UnitFile } from './unitFile.ts';
import type { UnitName } from './unitName.ts';
import type { Placement, Resources, ServiceSpec, UnitSpec } from './unitSpec.ts';
import { type MemoryAmount, parseBoolean, parseMemory, parsePercent } from './values.ts';

/** Stand for a machine that is not known yet: good enough to find what is wrong with a unit. */
const anyHost: HostFacts = {
  hostname: 'host',
  machineId: '0'.repeat(32),
  bootId: '0'.repeat(32),
  kernelRelease: '0.0.0',
};

export interface Interpretation {
  /** null when there is an error. */
  spec: UnitSpec | null;
  problems: Problem[];
  /** Directives that are refused, or would be without `allowUnsupported`. */
  unsupported: string[];
}

/**
 * What a unit file means under that name, or everything that is wrong with it: `spec` is null when there is an error.
 * `allowUnsupported` makes warnings of directives that are refused because they are unsafe to ignore.
 *
 * Without `host` (at submit) the specifiers that depend on the machine get placeholders. A template is read as its
 * instance `1`, which stands well in names and in port numbers: its spec is good for nothing but checking.
 */
export function interpretUnit(
  unit: UnitName,
  file: UnitFile,
  host: HostFacts = anyHost,
  { allowUnsupported = false }: { allowUnsupported?: boolean } = {},
): Interpretation {
  if (!hasCommands(unit) && !isTriggering(unit.type))
    return { spec: null, problems: [unsupportedType(unit)], unsupported: [] };
  // The parser has already said why nothing could be read.
  if (file.options.length === 0) return { spec: null, problems: [], unsupported: [] };
  const named = unit.isTemplate ? sampleInstance(unit) : unit;
  const { spec, problems, unsupported } = interpret(named, file, host, allowUnsupported);
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { spec: problems.some(({ severity }) => severity === 'error') ? null : spec, problems, unsupported };
}

/** A target has none, and is as a service that has none. */
function hasCommands({ type }: UnitName): boolean {
  return type === 'service' || type === 'target';
}

function unsupportedType(unit: UnitName): Problem {
  const { why, instead } = unsupportedTypes[unit.type] ?? { why: 'nothing would be run', instead: 'write a .service' };
  const message = `${unit.name} is a ${unit.type} unit, which Flotilla does not run: ${why}; ${instead}`;
  return { severity: 'error', message };
}

function sampleInstance(template: UnitName): UnitName {
  const { prefix, type } = template;
  return { name: `${prefix}@1.${type}`, prefix, instance: '1', type, isTemplate: false };
}

function interpret(unit: UnitName, file: UnitFile, host: HostFacts, allowUnsupported: boolean) {
  const specifiers = unitSpecifiers(unit, host);
  const reader = new DirectiveReader(file, specifiers);
  // Where a unit may run must not depend on where it runs.
  const placementReader = new DirectiveReader(file, nameSpecifiers(unit));
  const unsupported = checkDirectives(reader, file, unit.type, allowUnsupported);
  const own = hasCommands(unit)
    ? readServiceParts(reader, placementReader, unit, specifiers)
    : readTriggerParts(placementReader, reader, unit);
  const spec: UnitSpec = {
    name: unit,
    description: reader.text('Unit', 'Description')?.text ?? unit.name,
    dependencies: readDependencies(reader, unit),
    ...(reader.value('Unit', 'StopWhenUnneeded', parseBoolean, false) ? { stopWhenUnneeded: true } : {}),
    conditions: readConditions(reader, 'Condition'),
    asserts: readConditions(reader, 'Assert'),
    ...own,
  };
  // Who asks for a start or a stop is known when it is asked: `manualWishes.ts`.
  for (const name of ['RefuseManualStart', 'RefuseManualStop']) reader.value('Unit', name, parseBoolean, false);
  return { spec, problems: [...reader.problems, ...placementReader.problems], unsupported };
}

type Parts = Pick<UnitSpec, 'service' | TriggerKind | 'placement' | 'resources' | 'announcements'>;

function readServiceParts(
  reader: DirectiveReader,
  placementReader: DirectiveReader,
  unit: UnitName,
  specifiers: Specifiers,
): Parts {
  const service = unit.type === 'target' ? readTarget(reader, specifiers) : interpretService(reader, specifiers);
  const preferences = readPreferences(placementReader, unit);
  const lease = readLease(reader, service);
  const demands = readPlacement(placementReader, unit);
  const isBound = demands.global || demands.machineId !== undefined || demands.machineOf !== undefined;
  const rescheduleAfterMs = readRescheduleAfter(reader, isBound);
  const placement: Placement = {
    ...demands,
    runtimes: runtimesOf(service),
    ...(preferences === undefined ? {} : { preferences }),
    ...(rescheduleAfterMs === undefined ? {} : { rescheduleAfterMs }),
    ...(lease === undefined ? {} : { lease }),
  };
  return {
    service,
    placement,
    resources: readResources(reader, service),
    announcements: readAnnouncements(reader, service, placement),
  };
}

/** What it starts, and so where it is, must not depend on the machine either. */
type TriggerKind = 'timer' | 'path' | 'socket';

function readTrigger(
  placementReader: DirectiveReader,
  reader: DirectiveReader,
  unit: UnitName,
): Pick<UnitSpec, TriggerKind> {
  if (unit.type === 'timer') return { timer: readTimer(placementReader, unit) };
  if (unit.type === 'path') return { path: readPath(reader, placementReader, unit) };
  return { socket: readSocket(reader, placementReader, unit) };
}

function readTriggerParts(placementReader: DirectiveReader, reader: DirectiveReader, unit: UnitName): Parts {
  const own = readTrigger(placementReader, reader, unit);
  const target = (own.timer ?? own.path ?? own.socket)?.unit ?? '';
  return { ...own, placement: readTriggerPlacement(placementReader, target), resources: {}, announcements: [] };
}

/** What the unit states itself goes before what its containers are limited to. */
function readResources(reader: DirectiveReader, service: ServiceSpec): Resources {
  const cpus = reader.value<number | undefined>('Service', 'CPUQuota', parsePercent, undefined);
  const quota = reader.last('Service', 'CPUQuota');
  if (cpus === 0 && quota) reader.fail(quota, 'leaves no time to run');
  return {
    ...withMemory(reservedByContainers(service.execStart), readMemory(reader)),
    ...(cpus === undefined ? {} : { cpus }),
  };
}

function readMemory(reader: DirectiveReader): MemoryAmount {
  const option = reader.last('Service', 'MemoryMax', 'MemoryLimit');
  return option === undefined ? 'infinity' : reader.parse(option, option.value, parseMemory, 'infinity');
}

function withMemory({ memoryBytes, ...rest }: Resources, memory: MemoryAmount): Resources {
  if (memory === 'infinity') return memoryBytes === undefined ? rest : { memoryBytes, ...rest };
  return 'bytes' in memory ? { memoryBytes: memory.bytes, ...rest } : { memoryFraction: memory.fraction, ...rest };
}
