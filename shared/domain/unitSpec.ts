/**
 * What a unit file means: the typed reading of its directives. `interpretUnit.ts` makes it of a parsed file.
 * Semantics: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5); `[X-Fleet]` as fleet's.
 */
import type { Announcement } from './announce.ts';
import type { ConditionTest } from './conditions.ts';
import type { Dependencies } from './dependencies.ts';
import type { DockerCommand } from './dockerCommand.ts';
import type { DockerRun } from './dockerRun.ts';
import type { LeaseTerms } from './lease.ts';
import type { Outputs } from './outputs.ts';
import type { PathSpec } from './path.ts';
import type { ProcessLimits } from './processLimits.ts';
import type { ResourceControl } from './resourceControl.ts';
import type { Sandbox } from './sandbox.ts';
import type { Directories } from './serviceDirectories.ts';
import type { SocketSpec } from './socket.ts';
import type { TimerSpec } from './timer.ts';
import type { UnitName } from './unitName.ts';

export interface UnitSpec {
  name: UnitName;
  description: string;
  /** What another unit has started of it ends when no unit needs it; absent: it stays. */
  stopWhenUnneeded?: true;
  /** Tested at each start: where one is not met the start is left out, or (asserts) fails. */
  conditions: ConditionTest[];
  asserts: ConditionTest[];
  /** As written, also those on units of the machine's own systemd. */
  dependencies: Dependencies;
  /** Absent for units that start others; that of a `.target` has nothing to run. */
  service?: ServiceSpec;
  /** Of a `.timer`. */
  timer?: TimerSpec;
  /** Of a `.path`. */
  path?: PathSpec;
  /** Of a `.socket`. */
  socket?: SocketSpec;
  placement: Placement;
  resources: Resources;
  /** `[X-Flotilla] Announce=`. */
  announcements: Announcement[];
}

export type TimeoutMode = 'abort' | 'kill';

export interface ServiceSpec extends Outputs, Directories {
  /** `idle` is run as `simple`. */
  type: 'simple' | 'exec' | 'oneshot' | 'idle' | 'notify' | 'forking';
  /** Whose messages count; `none`: nobody listens. */
  notifyAccess: 'none' | 'main' | 'exec' | 'all';
  /** With `Type=notify`: it is ready when its health check says so (`[Container] Notify=healthy`). */
  readyWhenHealthy?: boolean;
  /** With `Type=forking`, where the program says who its main process is. */
  pidFile?: string;
  execCondition: ExecCommand[];
  execStartPre: ExecCommand[];
  /** Exactly one unless `type` is `oneshot`. */
  execStart: ExecCommand[];
  execStartPost: ExecCommand[];
  execReload: ExecCommand[];
  execStop: ExecCommand[];
  execStopPost: ExecCommand[];
  restart: 'no' | 'on-success' | 'on-failure' | 'on-abnormal' | 'on-watchdog' | 'on-abort' | 'always';
  restartSecMs: number;
  /** null: infinity. */
  timeoutStartMs: number | null;
  timeoutStopMs: number | null;
  /** What a service has that hangs (`WatchdogSec=`), to die of `watchdogSignal`; absent: as long as for stopping. */
  timeoutAbortMs?: number | null;
  /** null: it need not say that it is alive. */
  watchdogMs: number | null;
  watchdogSignal: string;
  runtimeMaxMs: number | null;
  remainAfterExit: boolean;
  /** What becomes of it when it takes too long to start, or to stop: it dies of `watchdogSignal`, or at once; absent: neither. */
  startFailureMode?: TimeoutMode;
  stopFailureMode?: TimeoutMode;
  killMode: 'control-group' | 'mixed' | 'process' | 'none';
  killSignal: string;
  finalKillSignal: string;
  /** Instead of `killSignal`, where it is stopped to be started again; absent: the same. */
  restartKillSignal?: string;
  /** SIGHUP follows right after: shells end by it. Absent: it does not. */
  sendSighup?: true;
  sendSigkill: boolean;
  /** `IgnoreSIGPIPE=no`; absent: a process is not killed by a pipe that nobody reads. */
  ignoreSigpipe?: false;
  /** What is done when the kernel has killed one of its processes because their memory ran out. */
  oomPolicy: 'continue' | 'stop' | 'kill';
  /** Socket units whose sockets it is handed beside those that name it; absent: none. */
  sockets?: string[];
  successExitStatus: ExitSet;
  restartPreventExitStatus: ExitSet;
  restartForceExitStatus: ExitSet;
  /** At most `burst` starts within `intervalMs`; 0 switches the limit off. */
  startLimit: { intervalMs: number; burst: number };
  environment: Record<string, string>;
  /** `optional`: a missing file is no error (the `-` prefix). */
  environmentFiles: { path: string; optional: boolean }[];
  passEnvironment: string[];
  /** Names, or `NAME=value`, of variables that it does not get, wherever they are from. */
  unsetEnvironment: string[];
  workingDirectory?: { path: string; optional: boolean };
  user?: string;
  group?: string;
  umask?: number;
  supplementaryGroups: string[];
  /** `NoNewPrivileges=yes`; absent: programs may gain rights, with set-user-ID files for example. */
  noNewPrivileges?: true;
  /** Of units with `image`; absent: the container is as docker makes any. */
  sandbox?: Sandbox;
  limits: ProcessLimits;
  control: ResourceControl;
  /** `[X-Flotilla] Image=`: every command runs in a container of this image. */
  image?: string;
  /** `[X-Flotilla] OnUnhealthy=`, `[Container] HealthOnFailure=`: what is done when the health check says so; absent: nothing. */
  onUnhealthy?: 'kill';
  /** `[X-Flotilla] PullPolicy=`: when that image is fetched; absent: where it is missing. */
  pull?: DockerRun['pull'];
}

/** One command of an Exec line, specifiers expanded, variables not yet. */
export interface ExecCommand {
  /** As written, for messages. */
  line: string;
  /** The program. */
  path: string;
  /**
   * All arguments, `argv[0]` first (which the `@` prefix lets differ from `path`). Variables are put in at run time
   * (`substituteVariables`), and as in systemd quotes around a `$VAR` make no difference then.
   */
  argv: string[];
  /** Prefix `-`: a failure counts as success. */
  ignoreFailure: boolean;
  /** Prefix `:`: no `$VAR` substitution. */
  literalVariables: boolean;
  /** Prefix `+`, `!` or `!!`: runs with full privileges, whatever `User=` says. */
  privileged: boolean;
  /** What it means where the program is `docker`. */
  docker?: DockerCommand;
}

/** Exit codes and signal names (`SIGTERM`). */
export interface ExitSet {
  codes: number[];
  signals: string[];
}

/** Where a unit may run: `[X-Fleet]`. */
export interface Placement {
  /** Runs on every machine that the rest allows. */
  global: boolean;
  machineId?: string;
  machineOf?: string;
  /** The unit that this one starts (a timer's): it is on the same machine, and loaded as long as this one is. */
  activates?: string;
  /** Each entry must hold; an entry holds when the machine's value of that key is one of the values. */
  metadata: { key: string; values: string[] }[];
  /** Globs of unit names that it does not share a machine with. */
  conflicts: string[];
  /** Globs of unit names that have to leave the machine that it comes to; absent: none. */
  replaces?: string[];
  /** What the machine must offer: `docker` where a command needs the engine. */
  runtimes: string[];
  preferences?: Preferences;
  /** `RescheduleAfter=`, ms: it is moved when it has kept failing for so long. */
  rescheduleAfterMs?: number;
  /** `OnDisconnect=stop`: it never runs on two machines at once, whatever it costs. */
  lease?: LeaseTerms;
}

/** Which of the machines that may take it a unit prefers: `[X-Flotilla]`. */
export interface Preferences {
  /** Higher ones are placed first, and lower ones give way where there is no room; absent: 0. */
  priority?: number;
  /** Keys of machines' metadata over whose values the instances of the template are spread. */
  spread?: string[];
  affinities?: Affinity[];
}

export interface Affinity {
  key: string;
  value: string;
  /** Added up over those that a machine has; a negative one is to be avoided. */
  weight: number;
}

/** Absent: not stated (a unit reserves nothing; a machine's capacity is unknown). */
export interface Resources {
  memoryBytes?: number;
  /** Of a unit: of the memory of the machine that it is on, 0 to 1. */
  memoryFraction?: number;
  /** 1 is one core. */
  cpus?: number;
}
