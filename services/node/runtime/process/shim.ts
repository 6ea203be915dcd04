/**
 * The shim: a few lines of `sh` between the agent and a unit's command. It outlives the agent, waits for the command and
 * writes down how it ended. What it writes, the record, has its one home here: {@link shimScript} writes it,
 * {@link parseRecord} reads it.
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Exit } from '../runtime.ts';
import { type ProcessIdentity, parseStat } from './processTable.ts';

/**
 * Arguments: record, journal, control group (or empty), groups that limit it, umask, what the command does at SIGPIPE (`:`, or
 * empty to ignore it), identity, then the command. On file descriptor 3 it says the command's pid, and `failed <status>` where the command could not be executed.
 *
 * - The shim's own output is the record: a shell says "Killed" or "Terminated" there when a signal ended its child, which
 *   is how an `exit 143` is told from a SIGTERM.
 * - Signals are caught rather than ignored, because a command inherits what is ignored but not what is caught. So a
 *   command that signals its whole process group does not take the shim, and with it the result, along.
 * - The command runs in the foreground: a shell makes background commands ignore SIGINT and SIGQUIT.
 * - It is for any POSIX shell. Where that is bash, a command finds `SHLVL` and `_` in its environment too, and what is no
 *   program in spite of its mode bits is told by its status (126, 127) instead of a refusal.
 * - It is one `{ … }`, which the shell reads to the end before it runs it: a newer Flotilla may replace the file.
 */
export const shimScript = `{
record=$1 journal=$2 group=$3 limits=$4 mask=$5 atpipe=$6 identity=$7
shift 7
exec >"$record" 2>&1
trap : HUP INT QUIT ALRM TERM USR1 USR2
read -r stat </proc/self/stat
echo "shim $stat"
echo "identity $identity"
(
  trap "$atpipe" PIPE
  set -f
  for limit in $limits; do echo 0 2>/dev/null >"$limit/cgroup.procs" && echo "limit $limit"; done
  [ -n "$group" ] && echo 0 2>/dev/null >"$group/cgroup.procs" && echo "group $group"
  read -r pid rest </proc/self/stat
  echo "main $pid"
  echo "$pid" >&3
  trap 'echo "failed $?" >&3' EXIT
  umask "$mask"
  unset PWD OLDPWD
  { exec "$@"; } >>"$journal" 2>&1 3>&-
)
echo "exit $?"
exit
}
`;

/** What tells one activation of a unit from every other. */
export interface ActivationIdentity {
  /** The kernel's boot id: pids mean nothing across a reboot. */
  bootId: string;
  hash: string;
  token: number;
  /** `INVOCATION_ID`; absent: it has none. */
  invocation?: string | undefined;
}

export function formatIdentity({ bootId, hash, token, invocation }: ActivationIdentity): string {
  return [bootId, token, hash, ...(invocation === undefined ? [] : [invocation])].join(' ');
}

export interface ShimRecord extends ActivationIdentity {
  /** Its pid is also the session's and the process group's id of all that it started. */
  shim: ProcessIdentity;
  /** The control group that the command entered, where it could. */
  group?: string;
  /** The control groups that limit it, where it could enter them. */
  limits: string[];
  mainPid?: number;
  exit?: Exit;
  /** What the shell itself had to say. */
  said: string;
}

/**
 * Null: there is none, or not yet. Read at once: a few hundred bytes, and hundreds of units may start together, for which
 * the way through the thread pool costs many times the reading itself. So it is with the other small things of a start.
 */
export async function readRecord(path: string): Promise<ShimRecord | null> {
  try {
    return parseRecord(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Reads a record, also one that is still being written; null where not even its head is complete. */
export function parseRecord(text: string): ShimRecord | null {
  // What follows the last line's end is still being written.
  const lines = text.split('\n').slice(0, -1);
  const value = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  const shim = parseStat(value('shim') ?? '');
  const [bootId, token, hash, invocation] = (value('identity') ?? '').split(' ');
  if (!shim || bootId === undefined || hash === undefined) return null;
  const said = lines.filter((line) => !/^(shim|identity|group|limit|main|exit|exited|killed) /.test(line)).join('\n');
  const [group, main] = [value('group'), value('main')];
  const exit = exactExit(value('exited'), value('killed')) ?? shellExit(value('exit'), said !== '');
  return {
    bootId,
    hash,
    token: Number(token),
    ...(invocation !== undefined && { invocation }),
    shim,
    said,
    limits: lines.flatMap((line) => (line.startsWith('limit ') ? line.slice('limit '.length) : [])),
    ...(group !== undefined && { group }),
    ...(main !== undefined && { mainPid: Number(main) }),
    ...(exit && { exit }),
  };
}

/** The keeper knows which it was, and says so. */
function exactExit(code: string | undefined, signal: string | undefined): Exit | null {
  if (code !== undefined) return { kind: 'exited', code: Number(code) };
  return signal === undefined ? null : { kind: 'killed', signal: signalName(Number(signal)) };
}

/**
 * What a shell's `$?` means. It is 128 + n both for a death by signal n and for an `exit 128+n`; the shell tells of the
 * death (`said`), but for SIGINT and SIGPIPE, which shells pass over in silence: there a death is assumed.
 */
function shellExit(text: string | undefined, said: boolean): Exit | null {
  if (text === undefined) return null;
  const status = Number(text);
  const number = status - 128;
  const silent = number === constants.signals.SIGINT || number === constants.signals.SIGPIPE;
  if (number <= 0 || !(said || silent)) return { kind: 'exited', code: status };
  return { kind: 'killed', signal: signalName(number) };
}

/** glibc keeps the first two of the kernel's real-time signals, 32 and 33, to itself. */
const firstRealTimeSignal = 34;

function signalName(number: number): string {
  const known = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return known ?? `SIGRTMIN+${number - firstRealTimeSignal}`;
}

/**
 * The number of a signal's name, signal(7), with `SIGRTMIN+n` as in systemd.kill(5).
 * @throws {RangeError} there is no such signal.
 */
export function signalNumber(name: string): number {
  const known = Object.entries(constants.signals).find(([key]) => key === name)?.[1];
  const realTime = /^SIGRTMIN(?:\+(\d+))?$/.exec(name);
  if (known !== undefined) return known;
  if (realTime) return firstRealTimeSignal + Number(realTime[1] ?? 0);
  throw new RangeError(`there is no signal ${name}`);
}
