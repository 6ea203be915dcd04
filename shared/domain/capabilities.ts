/** Sets of capabilities, as `CapabilityBoundingSet=` and `AmbientCapabilities=` write them: systemd.exec(5), capabilities(7). */
import type { Parsed } from './values.ts';

/** By number, as Linux 5.9 and systemd 252 know them. */
export const capabilityNames = [
  ...'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE'.split(
    ' ',
  ),
  ...'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT'.split(
    ' ',
  ),
  ...'SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL'.split(
    ' ',
  ),
  ...'SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'.split(
    ' ',
  ),
].map((name) => `CAP_${name}`);

/** A name in upper or lower case, or a number. */
export function parseCapability(text: string): Parsed<string> {
  const name = /^\d+$/.test(text) ? capabilityNames[Number(text)] : text.toUpperCase();
  return name !== undefined && capabilityNames.includes(name)
    ? { value: name }
    : { error: 'is no capability, such as CAP_NET_BIND_SERVICE' };
}

/**
 * One more assignment to such a list. Where nothing was said before, or nothing is said now, what is named replaces the
 * set; else it is added, or taken away where a `~` stands before it. `isInitial`: the set is as it was at first.
 */
export function assignCapabilities(
  before: readonly string[],
  isInitial: boolean,
  named: readonly string[],
  inverted: boolean,
): string[] {
  const isFresh = named.length === 0 || isInitial;
  const from = isFresh ? (inverted ? capabilityNames : []) : before;
  return capabilityNames.filter((name) =>
    inverted ? from.includes(name) && !named.includes(name) : from.includes(name) || named.includes(name),
  );
}

/** What docker leaves to a container that is told nothing: docker-run(1), "Runtime privilege and Linux capabilities". */
export const dockerCapabilities =
  'CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP'
    .split(' ')
    .map((name) => `CAP_${name}`);
