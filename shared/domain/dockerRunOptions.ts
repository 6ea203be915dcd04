/** The options of `docker run`, one line each: its name, how its value reads, where it goes in the create body. */
import { type Attachment, createAttachment, parseMount, parseNetwork } from './dockerMounts.ts';
import {
  type DockerOption,
  type DockerOptions,
  ensure,
  flagOption,
  parsedOption,
  parseFlag,
  splitOnce,
  textOption,
} from './dockerOptions.ts';
import type { CreateBody, DeviceRequest, Healthcheck, HostConfigBody } from './dockerRun.ts';
import {
  canonicalIp,
  integerBetween,
  isCdiDevice,
  isContainerName,
  isIpAddress,
  isMacAddress,
  isPlatform,
  parseBytes,
  parseDevice,
  parseDuration,
  parseExpose,
  parseExtraHost,
  parseFields,
  parseInteger,
  parseNanoCpus,
  parsePublish,
  parseSearchDomain,
  parseThrottle,
  parseUlimit,
  type Ulimit,
  unsignedBetween,
} from './dockerValues.ts';

/** What the options of one command line have said so far. */
export interface RunDraft {
  body: Omit<CreateBody, 'Image' | 'HostConfig'>;
  host: HostConfigBody;
  name?: string;
  platform?: string;
  detach: boolean;
  /** `--attach` was said. */
  attached: boolean;
  pull: 'missing' | 'always' | 'never';
  envFiles: string[];
  labelFiles: string[];
  seccompFile?: string;
  cidFile?: string;
  cdiDevices: string[];
  health: Healthcheck;
  noHealthcheck: boolean;
  capAdd: Set<string>;
  capDrop: Set<string>;
  ulimits: Map<string, Ulimit>;
  networks: Attachment[];
  /** `--ip`, `--network-alias` …, which do not say of which network. */
  attachment: Attachment;
}

export function createRunDraft(): RunDraft {
  return {
    body: {},
    host: {},
    detach: false,
    attached: false,
    pull: 'missing',
    envFiles: [],
    labelFiles: [],
    cdiDevices: [],
    health: {},
    noHealthcheck: false,
    capAdd: new Set(),
    capDrop: new Set(),
    ulimits: new Map(),
    networks: [],
    attachment: createAttachment(''),
  };
}

type Option = DockerOption<RunDraft>;
type KeysOf<T, V> = {
  [K in keyof T]-?: NonNullable<T[K]> extends V ? (V extends NonNullable<T[K]> ? K : never) : never;
}[keyof T];
type HostText = KeysOf<HostConfigBody, string>;
type HostNumber = KeysOf<HostConfigBody, number>;
type HostFlag = KeysOf<HostConfigBody, boolean>;
type HostList = KeysOf<HostConfigBody, string[]>;
type HostMap = KeysOf<HostConfigBody, Record<string, string>>;

const bodyText = (key: KeysOf<CreateBody, string> & keyof RunDraft['body'], short?: string): Option =>
  textOption(({ body }, value) => {
    body[key] = value;
  }, short);

const hostText = (key: HostText): Option =>
  textOption(({ host }, value) => {
    host[key] = value;
  });

/** One of a few words, or the empty value, which stands for the engine's default. */
const hostChoice = (key: HostText, pattern: RegExp, expected: string): Option =>
  parsedOption(
    (text) => (text === '' || pattern.test(text) ? text : null),
    expected,
    ({ host }, value) => {
      host[key] = value;
    },
  );

const hostFlag = (key: HostFlag, short?: string): Option =>
  flagOption(({ host }, value) => {
    host[key] = value;
  }, short);

const hostNumber = (
  key: HostNumber,
  parse: (text: string) => number | null = parseInteger,
  expected = 'a whole number',
  short?: string,
): Option =>
  parsedOption(
    parse,
    expected,
    ({ host }, value) => {
      host[key] = value;
    },
    short,
  );

/** 0 leaves it to the engine. */
const parseWeight = (text: string): number | null => {
  const weight = unsignedBetween(0, 1000)(text);
  return weight !== null && weight > 0 && weight < 10 ? null : weight;
};
const parseDecimal = (text: string): number | null =>
  /^\d+$/.test(text) ? parseInteger(text.replace(/^0+(?=\d)/, '')) : null;
const aWeight = 'a weight from 10 to 1000';

const aSize = 'a size (bytes, or 64m, 1.5g)';
const hostBytes = (key: HostNumber, short?: string): Option => hostNumber(key, parseBytes, aSize, short);

const hostList = (key: HostList, parse: (text: string) => string | null = (text) => text, expected = 'valid'): Option =>
  parsedOption(parse, expected, ({ host }, value) => ensure(host, key, []).push(value));

const hostMap = (
  key: HostMap,
  parse: (text: string) => [string, string | undefined] | null = (text) => splitOnce(text, '='),
  expected = 'valid',
): Option =>
  parsedOption(parse, expected, ({ host }, [name, value]) => {
    ensure(host, key, {})[name] = value ?? '';
  });

type ThrottleKey = 'BlkioDeviceReadBps' | 'BlkioDeviceReadIOps' | 'BlkioDeviceWriteBps' | 'BlkioDeviceWriteIOps';
const throttle = (key: ThrottleKey, parse: (text: string) => number | null): Option =>
  parsedOption(parseThrottle(parse), 'a device and a rate (/dev/sda:1mb)', ({ host }, [Path, Rate]) =>
    ensure(host, key, []).push({ Path, Rate }),
  );

const healthDuration = (key: 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval'): Option =>
  parsedOption(parseDuration, 'a duration (30s, 1m30s)', ({ health }, value) => {
    if (value > 0) health[key] = value;
    else delete health[key];
  });

const capability = (key: 'capAdd' | 'capDrop'): Option =>
  textOption((draft, value) => {
    const name = value.toUpperCase();
    draft[key].add(name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`);
  });

const address = (set: (attachment: Attachment, value: string) => void): Option =>
  parsedOption(
    (text) => (isIpAddress(text) ? text : null),
    'an IP address',
    ({ attachment }, value) => set(attachment, value),
  );

const network: Option = {
  apply: ({ networks }, text) => {
    const parsed = parseNetwork(text);
    if (typeof parsed === 'string') return `${JSON.stringify(text)}: ${parsed}`;
    networks.push(parsed);
    return undefined;
  },
};

const alias: Option = textOption(({ attachment }, value) => attachment.aliases.push(value));

const dnsOption: Option = hostList('DnsOptions');

/** Taken, and without an effect. `why` completes "has no effect: …". */
const ignored = (why: string): Option => ({ ...textOption<RunDraft>(() => undefined), ignored: why });
const ignoredFlag = (why: string, short?: string): Option => ({
  ...flagOption<RunDraft>(() => undefined, short),
  ignored: why,
});

const noTerminal = 'nobody attaches to a unit’s container';

/** A file of the machine that is to run it. */
const fileOf = (set: (draft: RunDraft, path: string) => void): Option =>
  parsedOption((text) => (text.startsWith('/') ? text : null), 'an absolute path', set);

const streams: Option = {
  ...parsedOption<RunDraft, string>(
    (text) => (/^std(in|out|err)$/i.test(text) ? text : null),
    'one of stdin, stdout, stderr',
    (draft) => {
      draft.attached = true;
    },
    'a',
  ),
  ignored: noTerminal,
};

/** Refused where it is switched on. */
const refusedFlag = (why: string, isRefused: (value: boolean) => boolean = (value) => value): Option => ({
  flag: true,
  refused: why,
  apply: (_draft, text) => {
    const value = parseFlag(text);
    if (value === null) return `${JSON.stringify(text)} is not true or false`;
    return isRefused(value) ? why : undefined;
  },
});

const publish: Option = parsedOption(
  parsePublish,
  'a port to publish (80, 8080:80, 127.0.0.1:8080:80/udp)',
  ({ body, host }, ports) => {
    for (const { port, hostIp, hostPort } of ports) {
      ensure(body, 'ExposedPorts', {})[port] = {};
      ensure(ensure(host, 'PortBindings', {}), port, []).push({ HostIp: hostIp, HostPort: hostPort });
    }
  },
  'p',
);

const expose: Option = parsedOption(
  parseExpose,
  'a port or a range of ports (80, 8000-8010/udp)',
  ({ body }, ports) => {
    for (const port of ports) ensure(body, 'ExposedPorts', {})[port] = {};
  },
);

/** `-v /data` makes an anonymous volume; `-v name:/data` and `-v /host:/data:ro` are binds. */
const volume: Option = {
  short: 'v',
  apply: ({ body, host }, text) => {
    const [source, target] = splitOnce(text, ':');
    if (target === undefined && source.startsWith('/')) ensure(body, 'Volumes', {})[source] = {};
    else if (target === undefined) return `${JSON.stringify(text)} is not an absolute path`;
    else if (/^[.~]/.test(source))
      return `${JSON.stringify(text)}: a unit has no current directory, write /absolute/path`;
    else if (text.split(':').includes('') || !target.startsWith('/') || target.split(':').length > 2)
      return `${JSON.stringify(text)} is not source:/target[:options]`;
    else if (!host.Binds?.includes(text)) ensure(host, 'Binds', []).push(text);
    return undefined;
  },
};

const mount: Option = {
  apply: ({ host }, text) => {
    const parsed = parseMount(text);
    if (typeof parsed === 'string') return `${JSON.stringify(text)}: ${parsed}`;
    ensure(host, 'Mounts', []).push(parsed);
    return undefined;
  },
};

const logConfig = (host: HostConfigBody) => ensure(host, 'LogConfig', { Type: '', Config: {} });

const env: Option = parsedOption(
  (text) => (text.startsWith('=') || text === '' ? null : text),
  'NAME=value or NAME',
  ({ body }, value) => ensure(body, 'Env', []).push(value),
  'e',
);

const label: Option = parsedOption(
  (text) => (/^[^\s=]+(=|$)/.test(text) ? text : null),
  'NAME=value, the name without white space',
  ({ body }, text) => {
    const [key, value] = splitOnce(text, '=');
    ensure(body, 'Labels', {})[key] = value ?? '';
  },
  'l',
);

const device: Option = {
  apply: ({ host, cdiDevices }, text) => {
    if (isCdiDevice(text)) {
      cdiDevices.push(text);
      return undefined;
    }
    const parsed = parseDevice(text);
    if (parsed === null) return `${JSON.stringify(text)} is not a device (/dev/a, /dev/a:/dev/b:rw, vendor/class=name)`;
    ensure(host, 'Devices', []).push(parsed);
    return undefined;
  },
};

/** Two of them are the command line's own business: what is in a profile's file, and which paths are masked. */
const securityOption: Option = {
  apply: (draft, text) => {
    const { host } = draft;
    const [key, value] = splitOnce(text, text.includes('=') ? '=' : ':');
    if (value === undefined && key !== 'no-new-privileges') return `${JSON.stringify(text)} is not key=value`;
    if (key === 'seccomp' && value !== undefined && value !== 'unconfined' && value !== 'builtin') {
      if (!value.startsWith('/')) return `${JSON.stringify(value)} is not the absolute path of a seccomp profile`;
      draft.seccompFile = value;
      return undefined;
    }
    if (text === 'systempaths=unconfined') Object.assign(host, { MaskedPaths: [], ReadonlyPaths: [] });
    else ensure(host, 'SecurityOpt', []).push(text);
    return undefined;
  },
};

const restart: Option = {
  refused: 'any policy but "no": write Restart= in [Service]',
  apply: (_draft, value) =>
    value === '' || value === 'no'
      ? undefined
      : `${value} would restart the container behind Flotilla's back; write Restart= in [Service] instead`,
};

/** `all`, a count, or fields (`device=0`, `"device=0,1",capabilities=utility`). */
const gpus: Option = parsedOption(parseGpus, 'all, a number, or device=…', ({ host }, request) =>
  ensure(host, 'DeviceRequests', []).push(request),
);

/** Source: the docker command's own reading of it; a word without `=` is a count. */
function parseGpus(text: string): DeviceRequest | null {
  const fields = (parseFields(text) ?? []).map(([key, value]) => (value === undefined ? ['count', key] : [key, value]));
  if (fields.length === 0 || new Set(fields.map(([key]) => key)).size < fields.length) return null;
  const request: DeviceRequest = { Capabilities: [['gpu']] };
  for (const [key = '', value = ''] of fields) {
    const setter = Object.hasOwn(gpuFields, key) ? gpuFields[key] : undefined;
    if (!setter?.(request, value)) return null;
  }
  if (request.Count === undefined && request.DeviceIDs === undefined) request.Count = 1;
  return request;
}

const gpuFields: Readonly<Record<string, (request: DeviceRequest, value: string) => boolean>> = {
  driver: (request, value) => {
    request.Driver = value;
    return true;
  },
  count: (request, value) => {
    const count = value === 'all' ? -1 : /^[+-]?\d+$/.test(value) ? Number(value) : null;
    if (count !== null) request.Count = count;
    return count !== null;
  },
  device: (request, value) => {
    request.DeviceIDs = value.split(',');
    return true;
  },
  capabilities: (request, value) => {
    request.Capabilities = [[...value.split(','), 'gpu']];
    return true;
  },
  options: (request, value) => {
    request.Options = Object.fromEntries(
      value.split(',').map((each) => [splitOnce(each, '=')[0], splitOnce(each, '=')[1] ?? '']),
    );
    return true;
  },
};

const allowedSysctl = /^(net\.|fs\.mqueue\.)|^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)=/;
const parseSysctl = (text: string): [string, string | undefined] | null =>
  allowedSysctl.test(text) && text.includes('=') ? splitOnce(text, '=') : null;

const deviceRule = (text: string) => (/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(text) ? text : null);

const ipMode = /^(none|private|shareable|host|container:.+)$/;

export const runOptions: DockerOptions<RunDraft> = {
  'add-host': hostList('ExtraHosts', parseExtraHost, 'host:address'),
  annotation: hostMap('Annotations'),
  attach: streams,
  'blkio-weight': hostNumber('BlkioWeight', parseWeight, aWeight),
  'blkio-weight-device': parsedOption(
    parseThrottle((text) => (parseDecimal(text) === null ? null : parseWeight(text))),
    'a device and a weight (/dev/sda:500)',
    ({ host }, [Path, Weight]) => ensure(host, 'BlkioWeightDevice', []).push({ Path, Weight }),
  ),
  'cap-add': capability('capAdd'),
  'cap-drop': capability('capDrop'),
  'cgroup-parent': hostText('CgroupParent'),
  cgroupns: hostChoice('CgroupnsMode', /^(host|private)$/, 'host or private'),
  cidfile: fileOf((draft, value) => {
    draft.cidFile = value;
  }),
  'cpu-period': hostNumber('CpuPeriod'),
  'cpu-quota': hostNumber('CpuQuota'),
  'cpu-rt-period': hostNumber('CpuRealtimePeriod'),
  'cpu-rt-runtime': hostNumber('CpuRealtimeRuntime'),
  'cpu-shares': hostNumber('CpuShares', parseInteger, 'a whole number', 'c'),
  cpus: hostNumber('NanoCpus', parseNanoCpus, 'a number of processors (1.5)'),
  'cpuset-cpus': hostText('CpusetCpus'),
  'cpuset-mems': hostText('CpusetMems'),
  detach: flagOption((draft, value) => {
    draft.detach = value;
  }, 'd'),
  'detach-keys': ignored(noTerminal),
  device,
  'device-cgroup-rule': hostList('DeviceCgroupRules', deviceRule, 'a rule like "c 1:3 rwm"'),
  'device-read-bps': throttle('BlkioDeviceReadBps', parseBytes),
  'device-read-iops': throttle('BlkioDeviceReadIOps', parseDecimal),
  'device-write-bps': throttle('BlkioDeviceWriteBps', parseBytes),
  'device-write-iops': throttle('BlkioDeviceWriteIOps', parseDecimal),
  'disable-content-trust': refusedFlag(
    'signatures of images are not looked at: name an image by its digest (image@sha256:…)',
    (value) => !value,
  ),
  dns: hostList('Dns', canonicalIp, 'an IP address'),
  'dns-opt': dnsOption,
  'dns-option': dnsOption,
  'dns-search': hostList('DnsSearch', parseSearchDomain, 'a domain'),
  domainname: bodyText('Domainname'),
  entrypoint: textOption(({ body }, value) => {
    body.Entrypoint = [value];
  }),
  env,
  'env-file': fileOf(({ envFiles }, value) => envFiles.push(value)),
  expose,
  gpus,
  'group-add': hostList('GroupAdd'),
  'health-cmd': textOption(({ health }, value) => {
    if (value !== '') health.Test = ['CMD-SHELL', value];
    else delete health.Test;
  }),
  'health-interval': healthDuration('Interval'),
  'health-retries': parsedOption(integerBetween(0, 2 ** 31), 'a whole number', ({ health }, value) => {
    if (value > 0) health.Retries = value;
    else delete health.Retries;
  }),
  'health-start-interval': healthDuration('StartInterval'),
  'health-start-period': healthDuration('StartPeriod'),
  'health-timeout': healthDuration('Timeout'),
  hostname: bodyText('Hostname', 'h'),
  init: hostFlag('Init'),
  interactive: flagOption(({ body }, value) => {
    body.OpenStdin = value;
  }, 'i'),
  ip: address((attachment, value) => {
    attachment.ipv4 = value;
  }),
  ip6: address((attachment, value) => {
    attachment.ipv6 = value;
  }),
  ipc: hostChoice('IpcMode', ipMode, 'none, private, shareable, host or container:NAME'),
  isolation: hostChoice('Isolation', /^default$/, 'default: other isolations are those of Windows'),
  'kernel-memory': {
    ...parsedOption<RunDraft, number>(parseBytes, aSize, () => undefined),
    ignored: 'kernels have it no longer, and the engine does not look at it',
  },
  label,
  'label-file': fileOf(({ labelFiles }, value) => labelFiles.push(value)),
  link: hostList('Links', (text) => (/^[^:]*(:[^:]*)?$/.test(text) && text !== '' ? text : null), 'name:alias'),
  'link-local-ip': address((attachment, value) => attachment.linkLocal.push(value)),
  'log-driver': textOption(({ host }, value) => {
    logConfig(host).Type = value;
  }),
  'log-opt': textOption(({ host }, text) => {
    const [key, value] = splitOnce(text, '=');
    logConfig(host).Config[key] = value ?? '';
  }),
  'mac-address': parsedOption(
    (text) => (text === '' || isMacAddress(text) ? text : null),
    'a MAC address',
    ({ attachment, body }, value) => {
      delete attachment.mac;
      delete body.MacAddress;
      if (value === '') return;
      attachment.mac = value;
      // Engines before API 1.44 know it only here.
      body.MacAddress = value;
    },
  ),
  memory: hostBytes('Memory', 'm'),
  'memory-reservation': hostBytes('MemoryReservation'),
  'memory-swap': hostNumber('MemorySwap', (text) => (text === '-1' ? -1 : parseBytes(text)), `-1 or ${aSize}`),
  'memory-swappiness': hostNumber('MemorySwappiness', integerBetween(-1, 100), 'a whole number from 0 to 100'),
  mount,
  name: parsedOption(
    (text) => (isContainerName(text) ? text : null),
    'a name (two or more of a-z, A-Z, 0-9, "_", "." and "-", the first a letter or digit)',
    (draft, value) => {
      draft.name = value;
    },
  ),
  net: network,
  'net-alias': alias,
  network,
  'network-alias': alias,
  'no-healthcheck': flagOption((draft, value) => {
    draft.noHealthcheck = value;
  }),
  'oom-kill-disable': hostFlag('OomKillDisable'),
  'oom-score-adj': hostNumber('OomScoreAdj', integerBetween(-1000, 1000), 'a whole number from -1000 to 1000'),
  pid: hostChoice('PidMode', /^(host|container:.+)$/, 'host or container:NAME'),
  'pids-limit': hostNumber('PidsLimit'),
  platform: parsedOption(
    (text) => (text === '' || isPlatform(text) ? text : null),
    'a platform (linux/amd64)',
    (draft, value) => {
      if (value !== '') draft.platform = value;
      else delete draft.platform;
    },
  ),
  privileged: hostFlag('Privileged'),
  publish,
  'publish-all': hostFlag('PublishAllPorts', 'P'),
  pull: parsedOption(
    (text) => (text === 'missing' || text === 'always' || text === 'never' ? text : null),
    'missing, always or never',
    (draft, value) => {
      draft.pull = value;
    },
  ),
  quiet: ignoredFlag('flotilla start and flotilla status tell how far a pull is', 'q'),
  'read-only': hostFlag('ReadonlyRootfs'),
  restart,
  rm: hostFlag('AutoRemove'),
  runtime: hostText('Runtime'),
  'security-opt': securityOption,
  'shm-size': hostBytes('ShmSize'),
  'sig-proxy': ignoredFlag('signals go to the container itself, by KillSignal='),
  'stop-signal': bodyText('StopSignal'),
  'stop-timeout': parsedOption(parseInteger, 'a number of seconds', ({ body }, value) => {
    body.StopTimeout = value;
  }),
  'storage-opt': hostMap('StorageOpt', (text) => (text.includes('=') ? splitOnce(text, '=') : null), 'key=value'),
  sysctl: hostMap('Sysctls', parseSysctl, 'a kernel parameter that containers may set (net.…=value)'),
  tmpfs: hostMap('Tmpfs', (text) => splitOnce(text, ':')),
  tty: flagOption(({ body }, value) => {
    body.Tty = value;
  }, 't'),
  ulimit: parsedOption(parseUlimit, 'a limit (nofile=1024:2048)', ({ ulimits }, value) =>
    ulimits.set(value.Name, value),
  ),
  'use-api-socket': refusedFlag(
    'it hands the engine and its credentials to the container: mount /var/run/docker.sock where that is meant',
  ),
  user: bodyText('User', 'u'),
  userns: hostChoice('UsernsMode', /^host$/, 'host'),
  uts: hostChoice('UTSMode', /^host$/, 'host'),
  volume,
  'volume-driver': hostText('VolumeDriver'),
  'volumes-from': hostList('VolumesFrom'),
  workdir: bodyText('WorkingDir', 'w'),
};
