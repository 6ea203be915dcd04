/** Sections of the types of units that Flotilla does not run, and why not. */

import { type Group, refused } from './directiveGroups.ts';
import { execGroups } from './execDirectives.ts';

interface Unsupported {
  section: string;
  /** Goes on after "is a … unit". */
  why: string;
  instead: string;
  directives: string[];
}

const programs = execGroups.flatMap(({ names }) => names.split(' '));
const resources =
  'Slice AllowedCPUs StartupAllowedCPUs AllowedMemoryNodes StartupAllowedMemoryNodes CPUAccounting CPUWeight StartupCPUWeight CPUShares StartupCPUShares CPUQuota CPUQuotaPeriodSec MemoryAccounting MemoryMin DefaultMemoryMin DefaultMemoryLow MemoryLow MemoryHigh MemoryMax MemorySwapMax MemoryLimit DeviceAllow DevicePolicy IOAccounting IOWeight StartupIOWeight IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceLatencyTargetSec BlockIOAccounting BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth BlockIOWriteBandwidth TasksAccounting TasksMax Delegate DisableControllers IPAccounting IPAddressAllow IPAddressDeny IPIngressFilterPath IPEgressFilterPath ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMPreference BPFProgram SocketBindAllow SocketBindDeny RestrictNetworkInterfaces'.split(
    ' ',
  );

/** By type. */
export const unsupportedTypes: Readonly<Record<string, Unsupported>> = {
  mount: {
    section: 'Mount',
    why: 'file systems belong to the machine, not to the cluster',
    instead: 'mount it with the machine’s own systemd, or as a volume of a container',
    directives: [
      'What',
      'Where',
      'Options',
      'Type',
      'TimeoutSec',
      'DirectoryMode',
      'SloppyOptions',
      'LazyUnmount',
      'ForceUnmount',
      'ReadWriteOnly',
      ...programs,
    ],
  },
  automount: {
    section: 'Automount',
    why: 'file systems belong to the machine, not to the cluster',
    instead: 'let the machine’s own systemd mount it',
    directives: ['Where', 'ExtraOptions', 'DirectoryMode', 'TimeoutIdleSec'],
  },
  swap: {
    section: 'Swap',
    why: 'swap belongs to the machine, not to the cluster',
    instead: 'let the machine’s own systemd switch it on',
    directives: ['What', 'Priority', 'Options', 'TimeoutSec', ...programs],
  },
  slice: {
    section: 'Slice',
    why: 'the node arranges control groups itself',
    instead: 'write MemoryMax= and CPUQuota= in the services',
    directives: resources,
  },
  scope: {
    section: 'Scope',
    why: 'scopes are made by programs at run time, never by unit files',
    instead: 'write a service',
    directives: [
      ...resources,
      ...'SendSIGKILL SendSIGHUP KillMode KillSignal RestartKillSignal FinalKillSignal WatchdogSignal RuntimeMaxSec RuntimeRandomizedExtraSec TimeoutStopSec OOMPolicy'.split(
        ' ',
      ),
    ],
  },
};

/** Each of their sections, with everything in it refused. */
export const otherSections: [section: string, groups: Group[]][] = Object.entries(unsupportedTypes).map(
  ([type, { section, why, instead, directives }]) => [
    section,
    [
      {
        names: directives.join(' '),
        treatment: refused(`there are no .${type} units here: ${why}`, instead),
        onlyNeutral: [],
      },
    ],
  ],
);
