/** Names of signals and of exit statuses, and the lists of both that decide what a process's end means. */
import type { ExitSet } from './unitSpec.ts';
import type { Parsed } from './values.ts';

/** Signals 1 to 31 in order, as signal(7) numbers them on Linux. */
const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );
const firstRealTime = 34;
const lastRealTime = 64;

/** A signal's name as `SIGTERM`, of its name with or without SIG, or of its number; real-time ones as `SIGRTMIN+3`. */
export function parseSignal(text: string): Parsed<string> {
  const name = /^\d+$/.test(text) ? signalByNumber(Number(text)) : signalByName(text.replace(/^SIG/, ''));
  return name === null ? { error: 'is no signal, such as SIGTERM' } : { value: `SIG${name}` };
}

function signalByName(name: string): string | null {
  if (signalNames.includes(name)) return name;
  const [, base, offset = '0'] = /^RT(MIN(?=\+|$)|MAX(?=-|$))(?:[+-](\d{1,2}))?$/.exec(name) ?? [];
  if (base === undefined) return null;
  const number = base === 'MIN' ? firstRealTime + Number(offset) : lastRealTime - Number(offset);
  return number < firstRealTime ? null : signalByNumber(number);
}

function signalByNumber(number: number): string | null {
  if (number === firstRealTime) return 'RTMIN';
  if (number > firstRealTime && number <= lastRealTime) return `RTMIN+${number - firstRealTime}`;
  return signalNames[number - 1] ?? null;
}

/** What systemd.exec(5), "Process exit codes", calls them. */
export const exitStatusNames: Readonly<Record<string, number>> = {
  SUCCESS: 0,
  FAILURE: 1,
  INVALIDARGUMENT: 2,
  NOTIMPLEMENTED: 3,
  NOPERMISSION: 4,
  NOTINSTALLED: 5,
  NOTCONFIGURED: 6,
  NOTRUNNING: 7,
  ...numbered(64, 'USAGE DATAERR NOINPUT NOUSER NOHOST UNAVAILABLE SOFTWARE OSERR OSFILE CANTCREAT IOERR TEMPFAIL'),
  ...numbered(76, 'PROTOCOL NOPERM CONFIG'),
  ...numbered(200, 'CHDIR NICE FDS EXEC MEMORY LIMITS OOM_ADJUST SIGNAL_MASK STDIN STDOUT CHROOT IOPRIO TIMERSLACK'),
  ...numbered(213, 'SECUREBITS SETSCHEDULER CPUAFFINITY GROUP USER CAPABILITIES CGROUP SETSID CONFIRM STDERR'),
  ...numbered(224, 'PAM NETWORK NAMESPACE NO_NEW_PRIVILEGES SECCOMP SELINUX_CONTEXT PERSONALITY APPARMOR'),
  ...numbered(232, 'ADDRESS_FAMILIES RUNTIME_DIRECTORY'),
  ...numbered(235, 'CHOWN SMACK_PROCESS_LABEL KEYRING STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY'),
  ...numbered(241, 'CONFIGURATION_DIRECTORY NUMA_POLICY CREDENTIALS BPF'),
  EXCEPTION: 255,
};

function numbered(first: number, names: string): Record<string, number> {
  return Object.fromEntries(names.split(' ').map((name, index) => [name, first + index]));
}

/** Adds one word of `SuccessExitStatus=` and its like to a set: an exit code, a name of one, or a signal. */
export function addExitStatus(set: ExitSet, word: string): Parsed<ExitSet> {
  const code = exitCode(word);
  if (code !== null) return { value: { ...set, codes: insert(set.codes, code) } };
  const signal = /^\d+$/.test(word) ? { error: '' } : parseSignal(word);
  if ('error' in signal) return { error: 'is no exit code from 0 to 255, no name of one, and no signal' };
  return { value: { ...set, signals: insert(set.signals, signal.value) } };
}

function exitCode(word: string): number | null {
  if (/^\d+$/.test(word)) return Number(word) <= 255 ? Number(word) : null;
  return Object.hasOwn(exitStatusNames, word) ? (exitStatusNames[word] ?? null) : null;
}

function insert<T>(list: readonly T[], item: T): T[] {
  return list.includes(item) ? [...list] : [...list, item];
}
