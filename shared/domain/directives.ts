/**
 * What becomes of each directive that systemd 252 knows in the sections of a service: it is honoured, it is ignored
 * because nothing depends on it (said once), or the unit is refused because it would run otherwise than it was written
 * to. `systemd --dump-configuration-items` is the judge of completeness.
 */

export type Treatment =
  | { kind: 'honoured' }
  /** `why` completes "has no effect here: …". */
  | { kind: 'ignored'; why: string }
  /** `why` completes "is not supported and cannot be left out: …"; `instead` says what to do. */
  | { kind: 'refused'; why: string; instead: string };

interface Group {
  names: string;
  treatment: Treatment;
  /** Values that ask for what happens anyway, beside the empty one and a no. */
  neutral?: string[];
  /** The only such values, where an empty one or a no asks for something else. */
  onlyNeutral?: string[];
}

const honoured: Treatment = { kind: 'honoured' };

function ignored(why: string): Treatment {
  return { kind: 'ignored', why };
}

function refused(why: string, instead: string): Treatment {
  return { kind: 'refused', why, instead };
}

const between = 'dependencies between units order nothing across machines';
const neverReboots = 'Flotilla never reboots or powers off a machine because of a unit';
const logging = 'output goes to the unit’s journal (flotilla journal)';
const scheduling = 'the process runs with the priority and limits that the node has';
const terminal = 'units have no terminal';
const confines = 'the program would run without a confinement that its unit asks for';
const inContainer =
  'run it in a container (docker run, or Image= of [X-Flotilla]), or confine it with a wrapper in ExecStart=';
const whichConditions =
  'PathExists PathExistsGlob PathIsDirectory PathIsSymbolicLink PathIsMountPoint PathIsReadWrite PathIsEncrypted DirectoryNotEmpty FileNotEmpty FileIsExecutable NeedsUpdate FirstBoot Architecture Virtualization Host KernelCommandLine KernelVersion Credential Security Capability ACPower Memory CPUFeature CPUs Environment User Group ControlGroupController OSRelease MemoryPressure CPUPressure IOPressure';

const unitGroups: Group[] = [
  { names: 'Description Documentation SourcePath', treatment: honoured },
  { names: 'Requires Requisite Wants BindsTo BindTo PartOf Before After Conflicts', treatment: honoured },
  { names: 'StartLimitIntervalSec StartLimitInterval StartLimitBurst', treatment: honoured },
  {
    names: [...each('Condition', `${whichConditions} Firmware`), ...each('Assert', whichConditions)].join(' '),
    treatment: refused(
      'the unit would also start where its condition does not hold',
      'test it in ExecCondition=, or choose machines with MachineMetadata= of [X-Fleet]',
    ),
    onlyNeutral: [''],
  },
  {
    names: 'RequiresMountsFor',
    treatment: refused(
      'the unit would run without its file system',
      'write ExecStartPre=/usr/bin/mountpoint -q PATH, or choose machines with MachineMetadata= of [X-Fleet]',
    ),
  },
  { names: 'JoinsNamespaceOf', treatment: refused('the units would not share a namespace', inContainer) },
  {
    names:
      'Upholds OnSuccess OnFailure PropagatesReloadTo PropagateReloadTo ReloadPropagatedFrom PropagateReloadFrom PropagatesStopTo StopPropagatedFrom RequiresOverridable RequisiteOverridable',
    treatment: ignored('no other unit is started, stopped or reloaded because of this one'),
  },
  {
    names: 'StopWhenUnneeded RefuseManualStart RefuseManualStop AllowIsolate IgnoreOnIsolate OnFailureIsolate',
    treatment: ignored('a unit runs when it is launched and stops when it is told to'),
  },
  {
    names:
      'OnSuccessJobMode OnFailureJobMode JobTimeoutSec JobRunningTimeoutSec JobTimeoutAction JobTimeoutRebootArgument',
    treatment: ignored('there are no systemd jobs; TimeoutStartSec= and TimeoutStopSec= limit starting and stopping'),
  },
  {
    names:
      'StartLimitAction FailureAction SuccessAction FailureActionExitStatus SuccessActionExitStatus RebootArgument',
    treatment: ignored(neverReboots),
    neutral: ['none'],
  },
  { names: 'DefaultDependencies', treatment: ignored(between), neutral: ['yes', 'true', '1', 'on'] },
  {
    names: 'CollectMode',
    treatment: ignored('a failed unit stays listed until it is unloaded'),
    neutral: ['inactive'],
  },
];

const serviceGroups: Group[] = [
  {
    names: 'Type ExecCondition ExecStartPre ExecStart ExecStartPost ExecReload ExecStop ExecStopPost RemainAfterExit',
    treatment: honoured,
  },
  {
    names: 'Restart RestartSec RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus',
    treatment: honoured,
  },
  { names: 'TimeoutSec TimeoutStartSec TimeoutStopSec RuntimeMaxSec', treatment: honoured },
  { names: 'StartLimitInterval StartLimitBurst', treatment: honoured },
  { names: 'KillMode KillSignal FinalKillSignal SendSIGKILL', treatment: honoured },
  { names: 'Environment EnvironmentFile PassEnvironment WorkingDirectory User Group UMask', treatment: honoured },
  { names: 'CPUQuota MemoryMax MemoryLimit', treatment: honoured },
  {
    names: 'BusName Sockets USBFunctionDescriptors USBFunctionStrings',
    treatment: refused('no bus name, socket or device is prepared for the program', 'let the program open it itself'),
  },
  {
    names: 'WatchdogSec',
    treatment: refused(
      'nobody would notice that the program no longer says it is alive',
      'remove it, or restart a hanging container with a health check of its image',
    ),
  },
  {
    names: 'ExitType',
    treatment: refused('the unit ends with its main process', 'keep the main process running'),
    neutral: ['main'],
  },
  {
    names: 'RuntimeDirectory StateDirectory CacheDirectory LogsDirectory ConfigurationDirectory',
    treatment: refused(
      'the program would not find its directory',
      'create it with ExecStartPre=+/usr/bin/install -d -o USER PATH',
    ),
  },
  {
    names: 'SetCredential SetCredentialEncrypted LoadCredential LoadCredentialEncrypted',
    treatment: refused('the program would not find its credentials', 'pass them with EnvironmentFile=, or mount them'),
  },
  {
    names: 'DynamicUser SupplementaryGroups PAMName',
    treatment: refused('the program would run as somebody else', 'name an existing user and group in User= and Group='),
  },
  {
    names: 'PermissionsStartOnly RootDirectoryStartOnly',
    treatment: refused('the control commands would run with other rights', 'put the prefix + before those commands'),
  },
  {
    names: 'StandardInput StandardInputText StandardInputData',
    treatment: refused('the program would read nothing from its input', 'redirect it with /bin/sh -c'),
    neutral: ['null'],
  },
  {
    names: 'UnsetEnvironment',
    treatment: refused('the program would see the variables', 'remove them with /usr/bin/env -u NAME in ExecStart='),
  },
  {
    names: 'ExecSearchPath',
    treatment: refused('other programs might be found', 'write absolute paths in ExecStart='),
  },
  {
    names:
      'RootDirectory RootImage RootImageOptions RootHash RootHashSignature RootVerity ExtensionDirectories ExtensionImages MountImages MountAPIVFS BindPaths BindReadOnlyPaths TemporaryFileSystem NetworkNamespacePath IPCNamespacePath',
    treatment: refused('the program would see other files or networks than it was written for', inContainer),
  },
  {
    names:
      'ReadWriteDirectories ReadOnlyDirectories InaccessibleDirectories ReadWritePaths ReadOnlyPaths InaccessiblePaths ExecPaths NoExecPaths ProtectSystem ProtectHome ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectClock ProtectControlGroups ProtectHostname ProtectProc ProcSubset PrivateTmp PrivateDevices PrivateNetwork PrivateUsers PrivateMounts PrivateIPC',
    treatment: refused(confines, inContainer),
    neutral: ['default', 'all'],
  },
  {
    names:
      'AmbientCapabilities SecureBits NoNewPrivileges SystemCallFilter SystemCallArchitectures SystemCallErrorNumber MemoryDenyWriteExecute RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictFileSystems RestrictNetworkInterfaces LockPersonality Personality SELinuxContext AppArmorProfile SmackProcessLabel',
    treatment: refused(confines, inContainer),
  },
  { names: 'CapabilityBoundingSet', treatment: refused(confines, inContainer), onlyNeutral: [] },
  { names: 'RestrictAddressFamilies', treatment: refused(confines, inContainer), onlyNeutral: [''] },
  {
    names:
      'DeviceAllow DevicePolicy IPAddressAllow IPAddressDeny IPIngressFilterPath IPEgressFilterPath BPFProgram SocketBindAllow SocketBindDeny',
    treatment: refused(confines, inContainer),
    neutral: ['auto'],
  },
  { names: 'PIDFile GuessMainPID', treatment: ignored('the main process is the one that ExecStart= starts') },
  {
    names: 'NotifyAccess FileDescriptorStoreMax WatchdogSignal',
    treatment: ignored('programs do not talk to the service manager'),
    neutral: ['none'],
  },
  {
    names: 'TimeoutAbortSec TimeoutStartFailureMode TimeoutStopFailureMode RuntimeRandomizedExtraSec TimeoutCleanSec',
    treatment: ignored('TimeoutStartSec=, TimeoutStopSec= and RuntimeMaxSec= alone limit a unit'),
    neutral: ['terminate', '0'],
  },
  { names: 'StartLimitAction FailureAction RebootArgument', treatment: ignored(neverReboots), neutral: ['none'] },
  { names: 'SendSIGHUP RestartKillSignal', treatment: ignored('stopping sends KillSignal=, then FinalKillSignal=') },
  {
    names: 'NonBlocking RemoveIPC IgnoreSIGPIPE KeyringMode',
    treatment: ignored('the node leaves that to the program'),
  },
  { names: 'SystemCallLog', treatment: ignored('system calls are not logged') },
  {
    names: 'StandardOutput StandardError',
    treatment: ignored(logging),
    neutral: ['journal', 'inherit', 'journal+console', 'syslog'],
  },
  {
    names:
      'SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix LogLevelMax LogRateLimitIntervalSec LogRateLimitBurst LogExtraFields LogNamespace',
    treatment: ignored(logging),
  },
  {
    names: 'TTYPath TTYReset TTYVHangup TTYVTDisallocate TTYRows TTYColumns UtmpIdentifier UtmpMode',
    treatment: ignored(terminal),
  },
  {
    names:
      'Nice IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork CPUAffinity NUMAPolicy NUMAMask TimerSlackNSec CoredumpFilter MountFlags',
    treatment: ignored(scheduling),
  },
  {
    names: each(
      'Limit',
      'CPU FSIZE DATA STACK CORE RSS NOFILE AS NPROC MEMLOCK LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME',
    ).join(' '),
    treatment: ignored(scheduling),
  },
  {
    names:
      'OOMPolicy OOMScoreAdjust ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMPreference',
    treatment: ignored('the kernel chooses what to kill when memory runs out'),
  },
  {
    names:
      'RuntimeDirectoryPreserve RuntimeDirectoryMode StateDirectoryMode CacheDirectoryMode LogsDirectoryMode ConfigurationDirectoryMode',
    treatment: ignored('Flotilla makes no directories for units'),
  },
  {
    names:
      'Slice Delegate DisableControllers CPUAccounting MemoryAccounting IOAccounting BlockIOAccounting TasksAccounting IPAccounting',
    treatment: ignored('the node arranges control groups itself'),
    neutral: ['yes', 'true', '1', 'on'],
  },
  {
    names:
      'AllowedCPUs StartupAllowedCPUs AllowedMemoryNodes StartupAllowedMemoryNodes CPUWeight StartupCPUWeight CPUShares StartupCPUShares CPUQuotaPeriodSec MemoryMin DefaultMemoryMin DefaultMemoryLow MemoryLow MemoryHigh MemorySwapMax TasksMax IOWeight StartupIOWeight IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceLatencyTargetSec BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth BlockIOWriteBandwidth',
    treatment: ignored('of a unit’s resources only MemoryMax= and CPUQuota= count'),
    neutral: ['infinity'],
  },
];

/** What enables a unit at boot of one machine: the cluster launches units by itself, so that nothing is left to do. */
const installGroups: Group[] = [{ names: 'Alias WantedBy RequiredBy Also DefaultInstance', treatment: honoured }];

const fleetGroups: Group[] = [
  { names: 'MachineID MachineOf MachineMetadata Conflicts Global', treatment: honoured },
  {
    names: 'X-ConditionMachineID X-ConditionMachineOf X-ConditionMachineMetadata X-Conflicts',
    treatment: honoured,
  },
  {
    names: 'Replaces',
    treatment: refused(
      'the other unit would stay where it is',
      'keep the two apart with Conflicts=, or choose machines with MachineMetadata=',
    ),
  },
];

const flotillaGroups: Group[] = [{ names: 'Image Announce', treatment: honoured }];

interface Entry {
  treatment: Treatment;
  isNeutral: (value: string) => boolean;
}

/** Switches a directive off, in most of them. */
const disabled = ['', 'no', 'n', 'false', 'f', 'off', '0', 'none'];

const tables: ReadonlyMap<string, ReadonlyMap<string, Entry>> = new Map([
  ['Unit', tableOf(unitGroups)],
  ['Service', tableOf(serviceGroups)],
  ['Install', tableOf(installGroups)],
  ['X-Fleet', tableOf(fleetGroups)],
  ['X-Flotilla', tableOf(flotillaGroups)],
]);

function tableOf(groups: readonly Group[]): Map<string, Entry> {
  const entries = groups.flatMap(({ names, treatment, neutral = [], onlyNeutral }): [string, Entry][] => {
    const values = new Set(onlyNeutral ?? [...disabled, ...neutral]);
    const isNeutral = (value: string) => values.has(value.toLowerCase());
    return names.split(' ').map((name) => [name, { treatment, isNeutral }]);
  });
  return new Map(entries);
}

function each(prefix: string, names: string): string[] {
  return names.split(' ').map((name) => `${prefix}${name}`);
}

/** The sections that a service may have, beside other people's `[X-…]`. */
export function knownSections(): string[] {
  return [...tables.keys()];
}

/** The directives that may stand in a section; none where the section is unknown. */
export function knownDirectives(section: string): string[] {
  return [...(tables.get(section)?.keys() ?? [])];
}

/** What becomes of an assignment; null where systemd knows no such directive in that section. */
export function treatmentOf(section: string, name: string, value: string): Treatment | null {
  const entry = tables.get(section)?.get(name);
  if (entry === undefined) return null;
  return entry.isNeutral(value) ? honoured : entry.treatment;
}
