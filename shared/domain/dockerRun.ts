/**
 * `docker run`, read: what its options mean as the body of the Engine API's `POST /containers/create`.
 * Source: docker-run(1); the body is what docker's own command line sends (`dockerCommand.int.test.ts` compares).
 */
import { type Attachment, createAttachment, isUserDefinedNetwork, type Mount } from './dockerMounts.ts';
import { ensure, scanOptions } from './dockerOptions.ts';
import { createRunDraft, type RunDraft, runOptions } from './dockerRunOptions.ts';
import { type Device, isImageReference, type Ulimit } from './dockerValues.ts';
import type { Resources } from './unitSpec.ts';

export interface DockerRun {
  verb: 'run';
  name?: string;
  image: string;
  body: CreateBody;
  /** Files of the machine that is to run it, whose variables come before those of `body.Env`. */
  envFiles: string[];
  /** Files of that machine, whose labels come before those of `body.Labels`. */
  labelFiles: string[];
  /** A seccomp profile of that machine, which goes into `body.HostConfig.SecurityOpt` whole. */
  seccompFile?: string;
  /** Where the container's id is written to. */
  cidFile?: string;
  detach: boolean;
  /** `--rm`. */
  remove: boolean;
  pull: 'missing' | 'always' | 'never';
  platform?: string;
  /** What its limits reserve on a machine. */
  resources: Resources;
}

/** The Engine API's create body, as far as `docker run` reaches. Sizes are bytes, durations nanoseconds. */
export interface CreateBody {
  Image: string;
  Cmd?: string[];
  Entrypoint?: string[];
  /** `NAME=value`, or `NAME` alone: its value is taken from the environment of the docker command. */
  Env?: string[];
  ExposedPorts?: Record<string, Record<string, never>>;
  Healthcheck?: Healthcheck;
  Hostname?: string;
  Domainname?: string;
  Labels?: Record<string, string>;
  MacAddress?: string;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  StopSignal?: string;
  StopTimeout?: number;
  Tty?: boolean;
  User?: string;
  Volumes?: Record<string, Record<string, never>>;
  WorkingDir?: string;
  HostConfig: HostConfigBody;
  NetworkingConfig?: { EndpointsConfig: Record<string, EndpointBody> };
}

export interface Healthcheck {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface HostConfigBody {
  Annotations?: Record<string, string>;
  AutoRemove?: boolean;
  Binds?: string[];
  BlkioDeviceReadBps?: { Path: string; Rate: number }[];
  BlkioDeviceReadIOps?: { Path: string; Rate: number }[];
  BlkioDeviceWriteBps?: { Path: string; Rate: number }[];
  BlkioDeviceWriteIOps?: { Path: string; Rate: number }[];
  BlkioWeight?: number;
  BlkioWeightDevice?: { Path: string; Weight: number }[];
  CapAdd?: string[];
  CapDrop?: string[];
  CgroupParent?: string;
  CgroupnsMode?: string;
  CpuPeriod?: number;
  CpuQuota?: number;
  CpuRealtimePeriod?: number;
  CpuRealtimeRuntime?: number;
  CpuShares?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  DeviceCgroupRules?: string[];
  DeviceRequests?: DeviceRequest[];
  Devices?: Device[];
  Dns?: string[];
  DnsOptions?: string[];
  DnsSearch?: string[];
  ExtraHosts?: string[];
  GroupAdd?: string[];
  Init?: boolean;
  IpcMode?: string;
  Isolation?: string;
  Links?: string[];
  LogConfig?: { Type: string; Config: Record<string, string> };
  MaskedPaths?: string[];
  Memory?: number;
  MemoryReservation?: number;
  MemorySwap?: number;
  MemorySwappiness?: number;
  Mounts?: Mount[];
  NanoCpus?: number;
  NetworkMode?: string;
  OomKillDisable?: boolean;
  OomScoreAdj?: number;
  PidMode?: string;
  PidsLimit?: number;
  PortBindings?: Record<string, { HostIp: string; HostPort: string }[]>;
  Privileged?: boolean;
  PublishAllPorts?: boolean;
  ReadonlyPaths?: string[];
  ReadonlyRootfs?: boolean;
  Runtime?: string;
  SecurityOpt?: string[];
  ShmSize?: number;
  StorageOpt?: Record<string, string>;
  Sysctls?: Record<string, string>;
  Tmpfs?: Record<string, string>;
  UTSMode?: string;
  Ulimits?: Ulimit[];
  UsernsMode?: string;
  VolumeDriver?: string;
  VolumesFrom?: string[];
}

export interface DeviceRequest {
  Driver?: string;
  Count?: number;
  DeviceIDs?: string[];
  Capabilities?: string[][];
  Options?: Record<string, string>;
}

export interface EndpointBody {
  Aliases?: string[];
  Links?: string[];
  DriverOpts?: Record<string, string>;
  GwPriority?: number;
  MacAddress?: string;
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] };
}

/** Reads what stands after `docker run`. */
export function parseRun(
  args: readonly string[],
  skipVariables: boolean,
): { command: DockerRun | null; problems: string[] } {
  const draft = createRunDraft();
  const scan = scanOptions(args, { options: runOptions, draft, command: 'docker run', skipVariables });
  const [image, ...command] = scan.words;
  const problems = [...scan.problems, ...(scan.incomplete ? [] : checkDraft(draft))];
  if (image === undefined) problems.push('docker run needs the name of an image');
  else if (!isImageReference(image) && !(skipVariables && image.includes('$'))) {
    problems.push(`docker run: ${JSON.stringify(image)} is not the name of an image (lower case, "repository:tag")`);
  }
  if (image === undefined || problems.length > 0) return { command: null, problems };
  return { command: finishRun(draft, image, command), problems };
}

/** What no option alone can know. */
function checkDraft(draft: RunDraft): string[] {
  const problems: string[] = [];
  const { host, health } = draft;
  if (draft.noHealthcheck && Object.keys(health).length > 0) {
    problems.push('docker run: --no-healthcheck contradicts the --health options');
  }
  if (host.LogConfig?.Type === 'none' && Object.keys(host.LogConfig.Config).length > 0) {
    problems.push('docker run: --log-opt contradicts --log-driver=none');
  }
  if (draft.detach && draft.attached) problems.push('docker run: --attach contradicts --detach');
  return [...problems, ...checkNetworks(draft)];
}

function checkNetworks({ networks, attachment }: RunDraft): string[] {
  const names = networks.map((network) => network.name);
  const defined = names.filter(isUserDefinedNetwork);
  const twice = twiceSaid(networks[0], attachment);
  const aliased = [attachment, ...networks].some((one) => one.aliases.length > 0);
  if (new Set(names).size < names.length) return ['docker run: a network is named twice'];
  if (defined.length > 0 && defined.length < names.length) {
    return ["docker run: one of the engine's own networks and a user-defined one do not go together"];
  }
  if (twice.length > 0) return twice.map((what) => `docker run: ${what} is said for the network and beside it`);
  return aliased && defined.length === 0 ? ['docker run: only user-defined networks know --network-alias'] : [];
}

/** What belongs to the first network stands in one place: in `--network name=…` or in an option of its own. */
function twiceSaid(first: Attachment | undefined, beside: Attachment): string[] {
  if (!first) return [];
  const pairs: [what: string, first: unknown, beside: unknown][] = [
    ['alias (--network-alias)', first.aliases[0], beside.aliases[0]],
    ['ip (--ip)', first.ipv4, beside.ipv4],
    ['ip6 (--ip6)', first.ipv6, beside.ipv6],
    ['link-local-ip (--link-local-ip)', first.linkLocal[0], beside.linkLocal[0]],
    ['mac-address (--mac-address)', first.mac, beside.mac],
  ];
  return pairs.flatMap(([what, one, other]) => (one !== undefined && other !== undefined ? [what] : []));
}

function finishRun(draft: RunDraft, image: string, command: string[]): DockerRun {
  const { body, host } = draft;
  if (command.length > 0) body.Cmd = command;
  // A client that goes away closes the container's input, unless the container was to go on without a client.
  if (body.OpenStdin && !draft.detach) body.StdinOnce = true;
  if (body.Env) body.Env = lastOfEach(body.Env);
  finishSets(draft);
  finishHealth(draft);
  finishNetworks(draft);
  if (draft.cdiDevices.length > 0)
    ensure(host, 'DeviceRequests', []).push({ Driver: 'cdi', DeviceIDs: draft.cdiDevices });
  return {
    verb: 'run',
    ...(draft.name === undefined ? {} : { name: draft.name }),
    image,
    body: { ...body, Image: image, HostConfig: host },
    envFiles: draft.envFiles,
    labelFiles: draft.labelFiles,
    ...(draft.seccompFile === undefined ? {} : { seccompFile: draft.seccompFile }),
    ...(draft.cidFile === undefined ? {} : { cidFile: draft.cidFile }),
    detach: draft.detach,
    remove: host.AutoRemove === true,
    pull: draft.pull,
    ...(draft.platform === undefined ? {} : { platform: draft.platform }),
    resources: reservation(host),
  };
}

/** Of a variable that is given several times the last one counts; a program would take the first. */
export function lastOfEach(entries: readonly string[]): string[] {
  return [...new Map(entries.map((entry) => [entry.split('=', 1)[0], entry])).values()];
}

/** Sorted and without repetition, as docker's command line sends them: the last limit of a name counts. */
function finishSets({ host, capAdd, capDrop, ulimits }: RunDraft): void {
  const add = [...capAdd].sort();
  const drop = [...capDrop].sort();
  if (add.length > 0) host.CapAdd = add;
  if (drop.length > 0) host.CapDrop = drop;
  const limits = [...ulimits.keys()].sort().flatMap((name) => ulimits.get(name) ?? []);
  if (limits.length > 0) host.Ulimits = limits;
}

function finishHealth({ body, health, noHealthcheck }: RunDraft): void {
  if (noHealthcheck) body.Healthcheck = { Test: ['NONE'] };
  else if (Object.keys(health).length > 0) body.Healthcheck = health;
}

/** The options without a network's name (`--ip`, `--network-alias` …) belong to the first network. */
function finishNetworks(draft: RunDraft): void {
  const { attachment, host, body } = draft;
  const [first = createAttachment('default'), ...others] = draft.networks;
  if (draft.networks.length > 0) host.NetworkMode = first.name;
  const merged: Attachment = {
    ...first,
    ...attachment,
    name: first.name,
    aliases: [...first.aliases, ...attachment.aliases],
    links: isUserDefinedNetwork(first.name) ? (host.Links ?? []) : [],
    linkLocal: [...first.linkLocal, ...attachment.linkLocal],
    driverOptions: first.driverOptions,
  };
  const endpoints = [merged, ...others].map((one) => [one.name, endpointOf(one)] as const);
  const told = endpoints.filter(([, endpoint]) => Object.keys(endpoint).length > 0 || others.length > 0);
  if (told.length > 0) body.NetworkingConfig = { EndpointsConfig: Object.fromEntries(told) };
}

function endpointOf(one: Attachment): EndpointBody {
  const ipam = {
    ...(one.ipv4 === undefined ? {} : { IPv4Address: one.ipv4 }),
    ...(one.ipv6 === undefined ? {} : { IPv6Address: one.ipv6 }),
    ...(one.linkLocal.length === 0 ? {} : { LinkLocalIPs: one.linkLocal }),
  };
  return {
    ...(one.aliases.length === 0 ? {} : { Aliases: one.aliases }),
    ...(one.links.length === 0 ? {} : { Links: one.links }),
    ...(Object.keys(one.driverOptions).length === 0 ? {} : { DriverOpts: one.driverOptions }),
    ...(one.priority === undefined ? {} : { GwPriority: one.priority }),
    ...(one.mac === undefined ? {} : { MacAddress: one.mac }),
    ...(Object.keys(ipam).length === 0 ? {} : { IPAMConfig: ipam }),
  };
}

/** Hard limits reserve what they allow; a quota of processor time counts as so many processors. */
function reservation(host: HostConfigBody): Resources {
  const quota = host.CpuQuota !== undefined && host.CpuQuota > 0 ? host.CpuQuota / (host.CpuPeriod || 100_000) : 0;
  const cpus = host.NanoCpus ? host.NanoCpus / 1e9 : quota;
  return { ...(host.Memory ? { memoryBytes: host.Memory } : {}), ...(cpus > 0 ? { cpus } : {}) };
}
