/** The options of `docker run`, one line each: its name, how its value reads, where it goes in the create body. */
import { type Attachment, createAttachment, parseMount, parseNetwork } from './dockerMounts.ts';
import {
  type DockerOption,
  type DockerOptions,
  ensure,
  flagOption,
  parsedOption,
  refusedOption,
  splitOnce,
  textOption,
} from './dockerOptions.ts';
import type { CreateBody, DeviceRequest, Healthcheck, HostConfigBody } from './dockerRun.ts';
import {
  integerBetween,
  isContainerName,
  isIpAddress,
  parseBytes,
  parseDevice,
  parseDuration,
  parseExpose,
  parseExtraHost,
  parseFields,
  parseInteger,
  parseNanoCpus,
  parsePublish,
  parseThrottle,
  parseUlimit,
  type Ulimit,
} from './dockerValues.ts';

/** What the options of one command line have said so far. */
export interface RunDraft {
  body: Omit<CreateBody, 'Image' | 'HostConfig'>;
  host: HostConfigBody;
  name?: string;
  platform?: string;
  detach: boolean;
  pull: 'missing' | 'always' | 'never';
  envFiles: string[];
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
    pull: 'missing',
    envFiles: [],
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
  });

const capability = (key: 'capAdd' | 'capDrop'): Option =>
  textOption((draft, value) => {
    const name = value.trim().toUpperCase();
    draft[key].add(name === 'ALL' || name === 'RESET' || name.startsWith('CAP_') ? name : `CAP_${name}`);
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

/** Taken, and without meaning where no terminal is: nobody attaches to a unit's container. */
const ignored = (options: { flag?: boolean; short?: string } = {}): Option => ({ ...options, apply: () => undefined });

const streams: Option = parsedOption(
  (text) => (/^std(in|out|err)$/i.test(text) ? text : null),
  'one of stdin, stdout, stderr',
  () => undefined,
  'a',
);

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
    else if (source === '' || !target.startsWith('/')) return `${JSON.stringify(text)} is not source:/target[:options]`;
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

const label: Option = textOption(({ body }, text) => {
  const [key, value] = splitOnce(text, '=');
  ensure(body, 'Labels', {})[key] = value ?? '';
}, 'l');

/** Two of them are the command line's own business: where a profile's file lies, and which paths are masked. */
const securityOption: Option = {
  apply: ({ host }, text) => {
    const [key, value] = splitOnce(text, text.includes('=') ? '=' : ':');
    if (value === undefined && key !== 'no-new-privileges') return `${JSON.stringify(text)} is not key=value`;
    if (key === 'seccomp' && value !== 'unconfined' && value !== 'builtin') {
      return 'a seccomp profile is a file that only the docker command reads; make it the default of the engine instead';
    }
    if (text === 'systempaths=unconfined') Object.assign(host, { MaskedPaths: [], ReadonlyPaths: [] });
    else ensure(host, 'SecurityOpt', []).push(text);
    return undefined;
  },
};

const restart: Option = {
  apply: (_draft, value) =>
    value === '' || value === 'no'
      ? undefined
      : `${value} would restart the container behind Flotilla's back; write Restart= in [Service] instead`,
};

/** `all`, a count, or fields (`device=0`, `"device=0,1",capabilities=utility`). */
const gpus: Option = parsedOption(parseGpus, 'all, a number, or device=…', ({ host }, request) =>
  ensure(host, 'DeviceRequests', []).push(request),
);

function parseGpus(text: string): DeviceRequest | null {
  if (text === 'all') return { Count: -1, Capabilities: [['gpu']] };
  if (/^\d+$/.test(text)) return { Count: Number(text), Capabilities: [['gpu']] };
  const request: DeviceRequest = { Capabilities: [['gpu']] };
  for (const [key, value] of parseFields(text) ?? []) {
    if (!value) return null;
    if (key === 'device') request.DeviceIDs = value.split(',');
    else if (key === 'driver') request.Driver = value;
    else if (key === 'count') request.Count = value === 'all' ? -1 : Number(value);
    else if (key === 'capabilities') request.Capabilities = [[...value.split(','), 'gpu']];
    else return null;
  }
  return Number.isNaN(request.Count) || Object.keys(request).length < 2 ? null : request;
}

const allowedSysctl = /^(net\.|fs\.mqueue\.)|^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)=/;
const parseSysctl = (text: string): [string, string | undefined] | null =>
  allowedSysctl.test(text) && text.includes('=') ? splitOnce(text, '=') : null;

const deviceRule = (text: string) => (/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(text) ? text : null);

const macAddress = /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/;
const ipMode = /^(none|private|shareable|host|container:.+)$/;

export const runOptions: DockerOptions<RunDraft> = {
  'add-host': hostList('ExtraHosts', parseExtraHost, 'host:address'),
  annotation: hostMap('Annotations'),
  attach: streams,
  'blkio-weight': hostNumber('BlkioWeight', integerBetween(0, 1000), 'a weight from 10 to 1000'),
  'blkio-weight-device': parsedOption(
    parseThrottle(integerBetween(0, 1000)),
    'a device and a weight (/dev/sda:500)',
    ({ host }, [Path, Weight]) => ensure(host, 'BlkioWeightDevice', []).push({ Path, Weight }),
  ),
  'cap-add': capability('capAdd'),
  'cap-drop': capability('capDrop'),
  'cgroup-parent': hostText('CgroupParent'),
  cgroupns: hostChoice('CgroupnsMode', /^(host|private)$/, 'host or private'),
  cidfile: refusedOption(
    'Flotilla finds its containers by label; `docker ps --filter label=flotilla.unit` shows the id',
  ),
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
  'detach-keys': ignored(),
  device: parsedOption(parseDevice, 'a device (/dev/a, /dev/a:/dev/b:rw)', ({ host }, value) =>
    ensure(host, 'Devices', []).push(value),
  ),
  'device-cgroup-rule': hostList('DeviceCgroupRules', deviceRule, 'a rule like "c 1:3 rwm"'),
  'device-read-bps': throttle('BlkioDeviceReadBps', parseBytes),
  'device-read-iops': throttle('BlkioDeviceReadIOps', parseInteger),
  'device-write-bps': throttle('BlkioDeviceWriteBps', parseBytes),
  'device-write-iops': throttle('BlkioDeviceWriteIOps', parseInteger),
  'disable-content-trust': ignored({ flag: true }),
  dns: hostList('Dns', (text) => (isIpAddress(text) ? text : null), 'an IP address'),
  'dns-opt': dnsOption,
  'dns-option': dnsOption,
  'dns-search': hostList('DnsSearch'),
  domainname: bodyText('Domainname'),
  entrypoint: textOption(({ body }, value) => {
    body.Entrypoint = [value];
  }),
  env,
  'env-file': parsedOption(
    (text) => (text.startsWith('/') ? text : null),
    'an absolute path',
    ({ envFiles }, value) => envFiles.push(value),
  ),
  expose,
  gpus,
  'group-add': hostList('GroupAdd'),
  'health-cmd': textOption(({ health }, value) => {
    if (value !== '') health.Test = ['CMD-SHELL', value];
  }),
  'health-interval': healthDuration('Interval'),
  'health-retries': parsedOption(integerBetween(0, 2 ** 31), 'a whole number', ({ health }, value) => {
    if (value > 0) health.Retries = value;
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
  label,
  'label-file': refusedOption('write the labels into the unit with --label'),
  link: hostList('Links'),
  'link-local-ip': address((attachment, value) => attachment.linkLocal.push(value)),
  'log-driver': textOption(({ host }, value) => {
    logConfig(host).Type = value;
  }),
  'log-opt': textOption(({ host }, text) => {
    const [key, value] = splitOnce(text, '=');
    logConfig(host).Config[key] = value ?? '';
  }),
  'mac-address': parsedOption(
    (text) => (macAddress.test(text) ? text : null),
    'a MAC address',
    ({ attachment, body }, value) => {
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
  platform: textOption((draft, value) => {
    if (value !== '') draft.platform = value;
  }),
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
  quiet: ignored({ flag: true, short: 'q' }),
  'read-only': hostFlag('ReadonlyRootfs'),
  restart,
  rm: hostFlag('AutoRemove'),
  runtime: hostText('Runtime'),
  'security-opt': securityOption,
  'shm-size': hostBytes('ShmSize'),
  'sig-proxy': ignored({ flag: true }),
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
  user: bodyText('User', 'u'),
  userns: hostChoice('UsernsMode', /^host$/, 'host'),
  uts: hostChoice('UTSMode', /^host$/, 'host'),
  volume,
  'volume-driver': hostText('VolumeDriver'),
  'volumes-from': hostList('VolumesFrom'),
  workdir: bodyText('WorkingDir', 'w'),
};
