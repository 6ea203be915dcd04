/** What `[Service]` shares with other types that run programs: systemd.exec(5), systemd.kill(5), systemd.resource-control(5). */
import { each, type Group, honoured, ignored, inContainer, refused, refusedUnlessImage } from './directiveGroups.ts';
import { limitNames } from './processLimits.ts';

const logging = 'output goes to the unit’s journal (flotilla journal)';
const scheduling = 'the process has this as the node has it';
const terminal = 'units have no terminal';
const seesOthers = 'the program would see other files or networks than it was written for';
const confines = 'the program would run without a confinement that its unit asks for';

export const execGroups: Group[] = [
  {
    names: 'KillMode KillSignal FinalKillSignal SendSIGKILL SendSIGHUP RestartKillSignal WatchdogSignal IgnoreSIGPIPE',
    treatment: honoured,
  },
  {
    names: 'Environment EnvironmentFile PassEnvironment UnsetEnvironment WorkingDirectory User Group UMask',
    treatment: honoured,
  },
  {
    names:
      'MemoryMax MemoryLimit MemoryHigh MemoryLow MemoryMin MemorySwapMax CPUQuota CPUQuotaPeriodSec CPUWeight TasksMax AllowedCPUs AllowedMemoryNodes IOWeight',
    treatment: honoured,
  },
  {
    names: [
      'Nice OOMScoreAdjust IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy CPUSchedulingPriority',
      'CPUSchedulingResetOnFork CPUAffinity SupplementaryGroups NoNewPrivileges',
      ...each('Limit', limitNames.join(' ')),
    ].join(' '),
    treatment: honoured,
  },
  { names: 'RuntimeDirectory StateDirectory CacheDirectory LogsDirectory ConfigurationDirectory', treatment: honoured },
  {
    names: 'SetCredential SetCredentialEncrypted LoadCredential LoadCredentialEncrypted',
    treatment: refused('the program would not find its credentials', 'pass them with EnvironmentFile=, or mount them'),
  },
  {
    names: 'DynamicUser PAMName',
    treatment: refused('the program would run as somebody else', 'name an existing user and group in User= and Group='),
  },
  {
    names: 'StandardInput StandardInputText StandardInputData',
    treatment: refused('the program would read nothing from its input', 'redirect it with /bin/sh -c'),
    neutral: ['null'],
  },
  {
    names: 'ExecSearchPath',
    treatment: refused('other programs might be found', 'write absolute paths in ExecStart='),
  },
  {
    names:
      'RootDirectory RootImage RootImageOptions RootHash RootHashSignature RootVerity ExtensionDirectories ExtensionImages MountImages MountAPIVFS NetworkNamespacePath IPCNamespacePath',
    treatment: refused(seesOthers, inContainer),
  },
  { names: 'BindPaths BindReadOnlyPaths TemporaryFileSystem', treatment: refusedUnlessImage(seesOthers) },
  {
    names:
      'ReadWriteDirectories ReadOnlyDirectories InaccessibleDirectories ReadWritePaths ReadOnlyPaths InaccessiblePaths ProtectSystem ProtectHome ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectClock ProtectControlGroups ProtectHostname PrivateTmp PrivateDevices PrivateNetwork PrivateMounts PrivateIPC',
    treatment: refusedUnlessImage(confines),
  },
  {
    names: 'ExecPaths NoExecPaths ProtectProc ProcSubset PrivateUsers',
    treatment: refused(confines, inContainer),
    neutral: ['default', 'all'],
  },
  { names: 'AmbientCapabilities', treatment: refusedUnlessImage(confines) },
  {
    names:
      'SecureBits SystemCallFilter SystemCallArchitectures SystemCallErrorNumber MemoryDenyWriteExecute RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictFileSystems RestrictNetworkInterfaces LockPersonality Personality SELinuxContext AppArmorProfile SmackProcessLabel',
    treatment: refused(confines, inContainer),
  },
  { names: 'CapabilityBoundingSet', treatment: refusedUnlessImage(confines), onlyNeutral: [] },
  { names: 'RestrictAddressFamilies', treatment: refused(confines, inContainer), onlyNeutral: [''] },
  { names: 'DeviceAllow DevicePolicy', treatment: refusedUnlessImage(confines), neutral: ['auto'] },
  {
    names:
      'IPAddressAllow IPAddressDeny IPIngressFilterPath IPEgressFilterPath BPFProgram SocketBindAllow SocketBindDeny',
    treatment: refused(confines, inContainer),
  },
  {
    names: 'TimeoutCleanSec',
    treatment: ignored('TimeoutStartSec=, TimeoutStopSec= and RuntimeMaxSec= alone limit a unit'),
    neutral: ['terminate', '0'],
  },
  {
    names: 'RemoveIPC KeyringMode',
    treatment: ignored('the node leaves that to the program'),
  },
  { names: 'SystemCallLog', treatment: ignored('system calls are not logged') },
  { names: 'StandardOutput StandardError', treatment: honoured },
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
    names: 'NUMAPolicy NUMAMask TimerSlackNSec CoredumpFilter MountFlags',
    treatment: ignored(scheduling),
  },
  {
    names: 'ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMPreference',
    treatment: ignored('the kernel chooses what to kill when memory runs out'),
  },
  {
    names:
      'RuntimeDirectoryPreserve RuntimeDirectoryMode StateDirectoryMode CacheDirectoryMode LogsDirectoryMode ConfigurationDirectoryMode',
    treatment: honoured,
  },
  {
    names:
      'Slice Delegate DisableControllers CPUAccounting MemoryAccounting IOAccounting BlockIOAccounting TasksAccounting IPAccounting',
    treatment: ignored('the node arranges control groups itself'),
    neutral: ['yes', 'true', '1', 'on'],
  },
  {
    names:
      'StartupAllowedCPUs StartupAllowedMemoryNodes StartupCPUWeight CPUShares StartupCPUShares DefaultMemoryMin DefaultMemoryLow StartupIOWeight IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceLatencyTargetSec BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth BlockIOWriteBandwidth',
    treatment: ignored(
      'the limits of a unit are MemoryMax=, CPUQuota= and the others that stand as honoured in the table of directives',
    ),
    neutral: ['infinity'],
  },
];
