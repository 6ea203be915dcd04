/**
 * `[Container]`, as Quadlet has it: podman-systemd.unit(5). What each directive is for `docker run`, or why there is
 * nothing like it. `containerSection.ts` obeys the first table; the groups are what directives.ts shows and refuses.
 */
import { type Group, honoured, ignored, refused } from './directiveGroups.ts';

/** How the assignments of a directive become options. */
export type ContainerOption =
  /** The last one counts: `--option value`. */
  | { form: 'last'; option: string; as?: (value: string) => string }
  /** Each of them: `--option value`. */
  | { form: 'each'; option: string; as?: (value: string) => string }
  /** Each word of each of them: `--option word`. */
  | { form: 'words'; option: string }
  /** A yes: these arguments; a no, where it is said: those. */
  | { form: 'yes'; args: string[]; otherwise?: string[] };

const last = (option: string, as?: (value: string) => string): ContainerOption => ({
  form: 'last',
  option,
  ...(as ? { as } : {}),
});
const each = (option: string, as?: (value: string) => string): ContainerOption => ({
  form: 'each',
  option,
  ...(as ? { as } : {}),
});
const words = (option: string): ContainerOption => ({ form: 'words', option });
const yes = (...args: string[]) => ({ form: 'yes' as const, args });

/** Beside `Image`, `Exec`, `User`, `Group` and `ReadOnly`, which are not one option each. */
export const containerOptions: Readonly<Record<string, ContainerOption>> = {
  AddCapability: words('cap-add'),
  AddDevice: each('device'),
  AddHost: each('add-host'),
  Annotation: words('annotation'),
  AppArmor: last('security-opt', (value) => `apparmor=${value}`),
  ContainerName: last('name'),
  DNS: each('dns'),
  DNSOption: each('dns-option'),
  DNSSearch: each('dns-search'),
  DropCapability: words('cap-drop'),
  Entrypoint: last('entrypoint'),
  Environment: words('env'),
  EnvironmentFile: each('env-file'),
  ExposeHostPort: each('expose'),
  GroupAdd: each('group-add'),
  HealthCmd: last('health-cmd'),
  HealthInterval: last('health-interval'),
  HealthRetries: last('health-retries'),
  HealthStartPeriod: last('health-start-period'),
  HealthTimeout: last('health-timeout'),
  HostName: last('hostname'),
  IP: last('ip'),
  IP6: last('ip6'),
  Label: words('label'),
  LogDriver: last('log-driver'),
  LogOpt: each('log-opt'),
  Memory: last('memory'),
  Mount: each('mount'),
  Network: each('network'),
  NetworkAlias: each('network-alias'),
  NoNewPrivileges: yes('--security-opt', 'no-new-privileges'),
  PidsLimit: last('pids-limit'),
  PublishPort: each('publish'),
  Pull: last('pull'),
  // An engine may be told to do it unless it is told not to.
  RunInit: { ...yes('--init'), otherwise: ['--init=false'] },
  SeccompProfile: last('security-opt', (value) => `seccomp=${value}`),
  SecurityLabelDisable: yes('--security-opt', 'label=disable'),
  SecurityLabelLevel: last('security-opt', (value) => `label=level:${value}`),
  SecurityLabelType: last('security-opt', (value) => `label=type:${value}`),
  ShmSize: last('shm-size'),
  StopSignal: last('stop-signal'),
  StopTimeout: last('stop-timeout'),
  Sysctl: words('sysctl'),
  Tmpfs: each('tmpfs'),
  Ulimit: each('ulimit'),
  UserNS: last('userns'),
  VolatileTmp: yes('--tmpfs', '/tmp:rw,size=512M,mode=1777'),
  Volume: each('volume'),
  WorkingDir: last('workdir'),
};

const noPods = 'docker has no pods';
const noMapping = 'docker maps users for a whole engine (userns-remap), not for one container';
const mapping = 'leave it out, and say with User= who the program runs as';

export const containerGroups: Group[] = [
  {
    names: `Image Exec User Group ReadOnly ReadOnlyTmpfs HealthOnFailure Notify ${Object.keys(containerOptions).join(' ')}`,
    treatment: honoured,
  },
  {
    names: 'PodmanArgs GlobalArgs ContainersConfModule',
    treatment: refused('podman does not run it', 'write the directive for it, or a whole ExecStart=docker run … line'),
  },
  {
    names: 'HealthStartupCmd HealthStartupInterval HealthStartupRetries HealthStartupSuccess HealthStartupTimeout',
    treatment: refused('docker has no second check for the start', 'give it time with HealthStartPeriod='),
  },
  {
    names: 'HealthLogDestination HealthMaxLogCount HealthMaxLogSize',
    treatment: ignored('the engine keeps the last five results of a check'),
  },
  { names: 'Pod StartWithPod', treatment: refused(noPods, 'share a network with Network=container:NAME') },
  { names: 'Rootfs', treatment: refused('docker starts images only', 'make one of the directory with docker import') },
  {
    names: 'Secret',
    treatment: refused('docker keeps no secrets for single containers', 'use EnvironmentFile= or Volume= with a file'),
  },
  {
    names: 'EnvironmentHost',
    treatment: refused('docker does not hand on the environment of its host', 'name each with Environment=NAME'),
  },
  { names: 'Timezone', treatment: refused('docker has no such option', 'write Environment=TZ=Europe/Berlin') },
  { names: 'UIDMap GIDMap SubUIDMap SubGIDMap', treatment: refused(noMapping, mapping) },
  { names: 'RemapUsers RemapUid RemapUidSize RemapGid', treatment: refused(noMapping, mapping) },
  {
    names: 'SecurityLabelFileType SecurityLabelNested Mask Unmask',
    treatment: refused('docker has no such option', 'leave it out, or write SecurityLabelType='),
  },
  {
    names: 'ReloadCmd ReloadSignal',
    treatment: refused('docker does not reload', 'write ExecReload=docker kill --signal HUP NAME in [Service]'),
  },
  { names: 'ServiceName', treatment: refused('the file has the name of its unit', 'rename the file') },
  { names: 'AutoUpdate', treatment: ignored('nothing is updated by itself: Pull=always fetches at each start') },
  { names: 'CgroupsMode', treatment: ignored('the engine gives each container a cgroup of its own') },
  { names: 'HttpProxy', treatment: ignored('docker hands on no proxies') },
  { names: 'Retry RetryDelay', treatment: ignored('the engine repeats a pull that breaks off') },
];
