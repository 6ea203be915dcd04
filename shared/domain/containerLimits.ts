/** Which limits and which scheduling of systemd.exec(5) a container can have: those that docker has options for. */
import type { DirectiveReader } from './directiveReader.ts';
import type { ServiceSpec } from './unitSpec.ts';

const scheduling = [
  'Nice',
  'IOSchedulingClass',
  'IOSchedulingPriority',
  'CPUSchedulingPolicy',
  'CPUSchedulingPriority',
  'CPUSchedulingResetOnFork',
];
/** Docker has no option for these; the engine's machine may still do it. */
const unknownToDocker = [...scheduling, 'MemoryHigh', 'MemoryMin'];

/** Says which of them a unit's containers do not have. */
export function checkContainerLimits(reader: DirectiveReader, service: ServiceSpec): void {
  const { image, execStart } = service;
  if (image !== undefined) return checkImage(reader);
  if (execStart.length === 0 || execStart.some(({ docker }) => docker?.verb !== 'run')) return;
  const own = [...scheduling, 'OOMScoreAdjust', 'CPUAffinity', 'SupplementaryGroups', ...limitsIn(service)];
  if (service.noNewPrivileges) own.push('NoNewPrivileges');
  warn(reader, own, 'is not for the container that docker runs: write an option of docker run, such as --ulimit');
  warn(reader, ['MemoryHigh', 'MemoryMin'], 'has no effect on a container: docker has nothing like it');
}

function checkImage(reader: DirectiveReader): void {
  warn(reader, unknownToDocker, 'has no effect on a container: docker has nothing like it');
  const addressSpace = reader.last('Service', 'LimitAS');
  if (addressSpace) reader.fail(addressSpace, 'cannot be had with Image=: docker has no such limit; write MemoryMax=');
}

function limitsIn({ limits }: ServiceSpec): string[] {
  return Object.keys(limits.limits).map((name) => `Limit${name}`);
}

function warn(reader: DirectiveReader, names: readonly string[], predicate: string): void {
  for (const name of names) {
    const option = reader.last('Service', name);
    if (option) reader.warn(option, predicate);
  }
}
