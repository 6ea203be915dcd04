/** What only `[Service]` has: systemd.service(5). */
import { type Group, honoured, ignored, neverReboots, refused } from './directiveGroups.ts';

export const serviceGroups: Group[] = [
  {
    names: 'Type ExecCondition ExecStartPre ExecStart ExecStartPost ExecReload ExecStop ExecStopPost RemainAfterExit',
    treatment: honoured,
  },
  {
    names: 'Restart RestartSec RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus',
    treatment: honoured,
  },
  { names: 'TimeoutSec TimeoutStartSec TimeoutStopSec TimeoutAbortSec RuntimeMaxSec', treatment: honoured },
  { names: 'TimeoutStartFailureMode TimeoutStopFailureMode', treatment: honoured },
  { names: 'WatchdogSec NotifyAccess PIDFile OOMPolicy', treatment: honoured },
  { names: 'StartLimitInterval StartLimitBurst', treatment: honoured },
  { names: 'Sockets', treatment: honoured },
  {
    names: 'BusName USBFunctionDescriptors USBFunctionStrings',
    treatment: refused('no bus name or device is prepared for the program', 'let the program open it itself'),
  },
  {
    names: 'ExitType',
    treatment: refused('the unit ends with its main process', 'keep the main process running'),
    neutral: ['main'],
  },
  {
    names: 'PermissionsStartOnly RootDirectoryStartOnly',
    treatment: refused('the control commands would run with other rights', 'put the prefix + before those commands'),
  },
  {
    names: 'GuessMainPID',
    treatment: ignored('of a program that forks away, the one process that is left is the main one'),
    neutral: ['yes', 'true', '1', 'on'],
  },
  {
    names: 'FileDescriptorStoreMax',
    treatment: ignored('no descriptors are kept for programs'),
  },
  {
    names: 'RuntimeRandomizedExtraSec',
    treatment: ignored('TimeoutStartSec=, TimeoutStopSec= and RuntimeMaxSec= alone limit a unit'),
    neutral: ['terminate', '0'],
  },
  { names: 'StartLimitAction FailureAction RebootArgument', treatment: ignored(neverReboots), neutral: ['none'] },
  {
    names: 'NonBlocking',
    treatment: refused(
      'the program would be handed sockets that block',
      'let it make them non-blocking itself, as most programs do, and remove this',
    ),
  },
];
