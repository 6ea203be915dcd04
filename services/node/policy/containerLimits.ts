/** A unit's limits as what docker has for a container: docker-run(1), systemd.resource-control(5), systemd.exec(5). */
import { formatCpuSet } from '../../../shared/domain/cpuSets.ts';
import type { HostConfigBody } from '../../../shared/domain/dockerRun.ts';
import { limitNames, type ProcessLimits } from '../../../shared/domain/processLimits.ts';
import { bytesOf, type ResourceControl, tasksIn } from '../../../shared/domain/resourceControl.ts';
import type { ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import { blockWeight, cpuShares, type Whole } from './controlSettings.ts';

/** Of a unit with `Image=`: the container is its process, and has all of it. */
export function limitsOfImageUnit(service: ServiceSpec, whole: Whole): HostConfigBody {
  const { limits, control, supplementaryGroups } = service;
  const { oomScoreAdjust, cpuAffinity } = limits;
  return {
    ...(cpuAffinity === undefined ? {} : { CpusetCpus: formatCpuSet(cpuAffinity) }),
    ...resourcesOf(control, whole),
    ...(oomScoreAdjust === undefined ? {} : { OomScoreAdj: oomScoreAdjust }),
    ...ulimitsOf(limits),
    ...(service.noNewPrivileges ? { SecurityOpt: ['no-new-privileges'] } : {}),
    ...(supplementaryGroups.length > 0 ? { GroupAdd: supplementaryGroups } : {}),
  };
}

/** Of a unit with a docker line: what the line says itself goes before what the unit says. */
export function limitsBesideLine(own: HostConfigBody, control: ResourceControl, whole: Whole): HostConfigBody {
  const unit = resourcesOf(control, whole);
  const alike = [
    ['Memory', 'MemorySwap'],
    ['NanoCpus', 'CpuQuota', 'CpuPeriod'],
    ['MemoryReservation'],
    ['CpuShares'],
    ['PidsLimit'],
    ['CpusetCpus'],
    ['CpusetMems'],
    ['BlkioWeight'],
  ] as const;
  const free = alike.filter((keys) => keys.every((key) => own[key] === undefined)).flat();
  const added = free.flatMap((key) => (key in unit ? [[key, unit[key as keyof HostConfigBody]]] : []));
  return { ...own, ...Object.fromEntries(added) };
}

const defaultPeriodUs = 100_000;

export function resourcesOf(control: ResourceControl, whole: Whole): HostConfigBody {
  const {
    cpuQuota,
    cpuPeriodUs = defaultPeriodUs,
    cpuWeight,
    tasksMax,
    allowedCpus,
    allowedMemoryNodes,
    ioWeight,
  } = control;
  const quota = cpuQuota === undefined ? undefined : Math.max(1_000, Math.round(cpuQuota * cpuPeriodUs));
  return {
    ...memoryOf(control, whole),
    ...(quota === undefined ? {} : { CpuPeriod: cpuPeriodUs, CpuQuota: quota }),
    ...(cpuWeight === undefined ? {} : { CpuShares: cpuShares(cpuWeight) }),
    ...(tasksMax === undefined || tasksMax === 'infinity' ? {} : { PidsLimit: tasksIn(tasksMax, whole.tasks) }),
    ...(allowedCpus === undefined ? {} : { CpusetCpus: formatCpuSet(allowedCpus) }),
    ...(allowedMemoryNodes === undefined ? {} : { CpusetMems: formatCpuSet(allowedMemoryNodes) }),
    ...(ioWeight === undefined ? {} : { BlkioWeight: blockWeight(ioWeight) }),
  };
}

/** Docker counts swap together with memory, and reserves what systemd protects. */
function memoryOf({ memoryMax, memorySwapMax, memoryLow }: ResourceControl, { memoryBytes }: Whole): HostConfigBody {
  const max = memoryMax === undefined ? 'infinity' : bytesOf(memoryMax, memoryBytes);
  const swap = memorySwapMax === undefined ? undefined : bytesOf(memorySwapMax, memoryBytes);
  const low = memoryLow === undefined ? 'infinity' : bytesOf(memoryLow, memoryBytes);
  return {
    ...(max === 'infinity' ? {} : { Memory: max }),
    ...(max === 'infinity' || swap === undefined ? {} : { MemorySwap: swap === 'infinity' ? -1 : max + swap }),
    ...(low === 'infinity' || low === 0 ? {} : { MemoryReservation: low }),
  };
}

function ulimitsOf({ limits }: ProcessLimits): HostConfigBody {
  const number = (text: string) => (text === 'infinity' ? -1 : Number(text));
  const ulimits = limitNames.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined
      ? []
      : [{ Name: name.toLowerCase(), Soft: number(limit.soft), Hard: number(limit.hard) }];
  });
  return ulimits.length > 0 ? { Ulimits: ulimits } : {};
}
