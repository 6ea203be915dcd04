/** Sections that every type of unit has, and those of fleet and Flotilla: systemd.unit(5). */
import { conditionKinds } from './conditions.ts';
import { each, type Group, honoured, ignored, inContainer, neverReboots, refused } from './directiveGroups.ts';

const between = 'a service has no dependencies that it does not state';
const testedConditions = conditionKinds.join(' ');

/** What of a machine is not looked at, and why not; the other kinds are `conditionKinds`. */
const untested: { kind: string; asserts: boolean; why: string; instead: string }[] = [
  {
    kind: 'PathIsEncrypted',
    asserts: true,
    why: 'the agent does not look below file systems',
    instead: 'write ExecCondition= with cryptsetup status, or choose machines with MachineMetadata= of [X-Fleet]',
  },
  {
    kind: 'NeedsUpdate',
    asserts: true,
    why: 'it is for what a machine does when its /usr was updated, which is its own systemd’s to see to',
    instead: 'leave that unit to the machine’s own systemd',
  },
  {
    kind: 'Credential',
    asserts: true,
    why: 'agents have no credentials of systemd',
    instead: 'look for the file with ConditionPathExists=',
  },
  {
    kind: 'Firmware',
    asserts: false,
    why: 'firmware is not looked at',
    instead:
      'look for its files with ConditionPathExists=/sys/firmware/…, or choose machines with MachineMetadata= of [X-Fleet]',
  },
];

function notTested({ kind, asserts, why, instead }: (typeof untested)[number]): Group {
  const names = [`Condition${kind}`, ...(asserts ? [`Assert${kind}`] : [])].join(' ');
  const treatment = refused(`the unit would also start where it does not hold: ${why}`, instead);
  return { names, treatment, onlyNeutral: [''] };
}

export const unitGroups: Group[] = [
  { names: 'Description Documentation SourcePath', treatment: honoured },
  {
    names:
      'Requires Requisite Wants BindsTo BindTo PartOf Upholds OnFailure OnSuccess Conflicts Before After PropagatesStopTo StopPropagatedFrom PropagatesReloadTo PropagateReloadTo ReloadPropagatedFrom PropagateReloadFrom',
    treatment: honoured,
  },
  { names: 'StopWhenUnneeded', treatment: honoured },
  { names: 'StartLimitIntervalSec StartLimitInterval StartLimitBurst', treatment: honoured },
  {
    names: [...each('Condition', testedConditions), ...each('Assert', testedConditions)].join(' '),
    treatment: honoured,
  },
  ...untested.map(notTested),
  {
    names: 'RequiresMountsFor',
    treatment: refused(
      'the unit would run without its file system',
      'write ExecStartPre=/usr/bin/mountpoint -q PATH, or choose machines with MachineMetadata= of [X-Fleet]',
    ),
  },
  { names: 'JoinsNamespaceOf', treatment: refused('the units would not share a namespace', inContainer) },
  { names: 'RequiresOverridable RequisiteOverridable', treatment: honoured },
  { names: 'RefuseManualStart RefuseManualStop', treatment: honoured },
  {
    names: 'AllowIsolate IgnoreOnIsolate OnFailureIsolate',
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

/** What enables a unit at boot of one machine: the cluster launches units by itself, so that only dependencies are left. */
export const installGroups: Group[] = [
  { names: 'WantedBy RequiredBy', treatment: honoured },
  { names: 'Alias', treatment: ignored('a unit of the cluster has one name, and is not found by others') },
  { names: 'Also', treatment: ignored('name the other units beside this one to submit, load or start them together') },
  { names: 'DefaultInstance', treatment: ignored('name the instance that is to start') },
];

export const fleetGroups: Group[] = [
  { names: 'MachineID MachineOf MachineMetadata Conflicts Global Replaces', treatment: honoured },
  {
    names: 'X-ConditionMachineID X-ConditionMachineOf X-ConditionMachineMetadata X-Conflicts',
    treatment: honoured,
  },
];

export const flotillaGroups: Group[] = [
  {
    names:
      'Image PullPolicy OnUnhealthy Announce Priority Spread Affinity OnDisconnect DisconnectGraceSec RescheduleAfter',
    treatment: honoured,
  },
];
