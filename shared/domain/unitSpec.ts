/**
 * What a unit file means: the typed reading of its directives. `interpretUnit.ts` makes it of a parsed file.
 * Semantics: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5); `[X-Fleet]` as fleet's.
 */
import type { Announcement } from './announce.ts';
import type { DockerCommand } from './dockerCommand.ts';
import type { UnitName } from './unitName.ts';

export interface UnitSpec {
  name: UnitName;
  description: string;
  /** Hard and soft dependencies by directive, as written: `Requires`, `Wants`, `After`, … */
  dependencies: Partial<Record<DependencyKind, string[]>>;
  /** Absent for types other than `.service`. */
  service?: ServiceSpec;
  placement: Placement;
  resources: Resources;
  /** `[X-Flotilla] Announce=`. */
  announcements: Announcement[];
}

export type DependencyKind =
  | 'Requires'
  | 'Requisite'
  | 'Wants'
  | 'BindsTo'
  | 'PartOf'
  | 'Before'
  | 'After'
  | 'Conflicts';

export interface ServiceSpec {
  /** `idle` is run as `simple`. */
  type: 'simple' | 'exec' | 'oneshot' | 'idle';
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
  runtimeMaxMs: number | null;
  remainAfterExit: boolean;
  killMode: 'control-group' | 'mixed' | 'process' | 'none';
  killSignal: string;
  finalKillSignal: string;
  sendSigkill: boolean;
  successExitStatus: ExitSet;
  restartPreventExitStatus: ExitSet;
  restartForceExitStatus: ExitSet;
  /** At most `burst` starts within `intervalMs`; 0 switches the limit off. */
  startLimit: { intervalMs: number; burst: number };
  environment: Record<string, string>;
  /** `optional`: a missing file is no error (the `-` prefix). */
  environmentFiles: { path: string; optional: boolean }[];
  passEnvironment: string[];
  workingDirectory?: { path: string; optional: boolean };
  user?: string;
  group?: string;
  umask?: number;
  /** `[X-Flotilla] Image=`: every command runs in a container of this image. */
  image?: string;
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
  /** Each entry must hold; an entry holds when the machine's value of that key is one of the values. */
  metadata: { key: string; values: string[] }[];
  /** Globs of unit names that it does not share a machine with. */
  conflicts: string[];
  /** What the machine must offer: `docker` where a command needs the engine. */
  runtimes: string[];
}

/** Absent: not stated (a unit reserves nothing; a machine's capacity is unknown). */
export interface Resources {
  memoryBytes?: number;
  /** 1 is one core. */
  cpus?: number;
}
