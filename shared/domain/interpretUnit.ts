import { readAnnouncements } from './announce.ts';
import { checkDirectives } from './checkDirectives.ts';
import { DirectiveReader } from './directiveReader.ts';
import { reservedByContainers } from './execLines.ts';
import { interpretService, runtimesOf } from './interpretService.ts';
import { readPlacement } from './placement.ts';
import type { Problem } from './problem.ts';
import { type HostFacts, nameSpecifiers, unitSpecifiers } from './specifiers.ts';
import type { UnitFile } from './unitFile.ts';
import { parseUnitName, type UnitName } from './unitName.ts';
import type { DependencyKind, Resources, ServiceSpec, UnitSpec } from './unitSpec.ts';
import { parseMemory, parsePercent } from './values.ts';

/** Stand for a machine that is not known yet: good enough to find what is wrong with a unit. */
const anyHost: HostFacts = {
  hostname: 'host',
  machineId: '0'.repeat(32),
  bootId: '0'.repeat(32),
  kernelRelease: '0.0.0',
};

/**
 * What a unit file means under that name, or everything that is wrong with it: `spec` is null when there is an error.
 *
 * Without `host` (at submit) the specifiers that depend on the machine get placeholders. A template is read as its
 * instance `1`, which stands well in names and in port numbers: its spec is good for nothing but checking.
 */
export function interpretUnit(
  unit: UnitName,
  file: UnitFile,
  host: HostFacts = anyHost,
): { spec: UnitSpec | null; problems: Problem[] } {
  if (unit.type !== 'service') return { spec: null, problems: [unsupportedType(unit)] };
  // The parser has already said why nothing could be read.
  if (file.options.length === 0) return { spec: null, problems: [] };
  const { spec, problems } = interpret(unit.isTemplate ? sampleInstance(unit) : unit, file, host);
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { spec: problems.some(({ severity }) => severity === 'error') ? null : spec, problems };
}

function unsupportedType(unit: UnitName): Problem {
  const message = `${unit.name} is a ${unit.type} unit: Flotilla runs .service units only`;
  return { severity: 'error', message };
}

function sampleInstance(template: UnitName): UnitName {
  const { prefix, type } = template;
  return { name: `${prefix}@1.${type}`, prefix, instance: '1', type, isTemplate: false };
}

function interpret(unit: UnitName, file: UnitFile, host: HostFacts): { spec: UnitSpec; problems: Problem[] } {
  const specifiers = unitSpecifiers(unit, host);
  const reader = new DirectiveReader(file, specifiers);
  // Where a unit may run must not depend on where it runs.
  const placementReader = new DirectiveReader(file, nameSpecifiers(unit));
  checkDirectives(reader, file);
  const service = interpretService(reader, specifiers);
  const placement = { ...readPlacement(placementReader, unit), runtimes: runtimesOf(service) };
  const spec: UnitSpec = {
    name: unit,
    description: reader.text('Unit', 'Description')?.text ?? unit.name,
    dependencies: readDependencies(reader),
    service,
    placement,
    resources: readResources(reader, service),
    announcements: readAnnouncements(reader, service, placement),
  };
  return { spec, problems: [...reader.problems, ...placementReader.problems] };
}

const dependencyNames: Record<DependencyKind, string[]> = {
  Requires: ['Requires'],
  Requisite: ['Requisite'],
  Wants: ['Wants'],
  BindsTo: ['BindsTo', 'BindTo'],
  PartOf: ['PartOf'],
  Before: ['Before'],
  After: ['After'],
  Conflicts: ['Conflicts'],
};

function readDependencies(reader: DirectiveReader): UnitSpec['dependencies'] {
  const entries = Object.entries(dependencyNames).map(([kind, names]) => {
    const found = reader.words('Unit', names, 'keep').map(({ option, word }) => {
      const { value, problems } = parseUnitName(word);
      reader.adopt(option, problems);
      if (value?.isTemplate) reader.fail(option, 'names a template: name an instance');
      return word;
    });
    return [kind, found] as const;
  });
  return Object.fromEntries(entries.filter(([, found]) => found.length > 0));
}

/** What the unit states itself goes before what its containers are limited to. */
function readResources(reader: DirectiveReader, service: ServiceSpec): Resources {
  const cpus = reader.value<number | undefined>('Service', 'CPUQuota', parsePercent, undefined);
  const quota = reader.last('Service', 'CPUQuota');
  if (cpus === 0 && quota) reader.fail(quota, 'leaves no time to run');
  const memoryBytes = readMemory(reader);
  return {
    ...reservedByContainers(service.execStart),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpus === undefined ? {} : { cpus }),
  };
}

function readMemory(reader: DirectiveReader): number | undefined {
  const option = reader.last('Service', 'MemoryMax', 'MemoryLimit');
  const memory = option && reader.parse(option, option.value, parseMemory, 'infinity');
  if (option === undefined || memory === undefined || memory === 'infinity') return undefined;
  if ('bytes' in memory) return memory.bytes;
  reader.fail(option, 'depends on the machine, so that nothing can be reserved: write bytes, such as 512M');
  return undefined;
}
