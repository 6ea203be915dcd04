/** Dependencies between units, as unit files state them: systemd.unit(5), sections [Unit] and [Install]. */

/** The directives that name other units. Those of `[Install]` state the other unit's dependency on this one. */
export type DependencyKind =
  | 'Requires'
  | 'Requisite'
  | 'Wants'
  | 'BindsTo'
  | 'PartOf'
  | 'Upholds'
  | 'OnFailure'
  | 'OnSuccess'
  | 'Conflicts'
  | 'Before'
  | 'After'
  | 'PropagatesStopTo'
  | 'StopPropagatedFrom'
  | 'PropagatesReloadTo'
  | 'ReloadPropagatedFrom'
  | 'RequiredBy'
  | 'WantedBy';

export type Dependencies = Readonly<Partial<Record<DependencyKind, readonly string[]>>>;

/** How the other unit's file may state the same. */
export const inverses: Readonly<Partial<Record<DependencyKind, DependencyKind>>> = {
  Requires: 'RequiredBy',
  Wants: 'WantedBy',
  Before: 'After',
  After: 'Before',
  Conflicts: 'Conflicts',
  PropagatesStopTo: 'StopPropagatedFrom',
  StopPropagatedFrom: 'PropagatesStopTo',
  PropagatesReloadTo: 'ReloadPropagatedFrom',
  ReloadPropagatedFrom: 'PropagatesReloadTo',
};

/** Without the other unit on the same machine the unit does not start. */
export const hardKinds = ['Requires', 'Requisite', 'BindsTo'] as const satisfies DependencyKind[];

/** What a start of the unit starts too: the hard ones and the others. */
export const requiringKinds = ['Requires', 'BindsTo'] as const satisfies DependencyKind[];
export const wishingKinds = ['Wants', 'Upholds'] as const satisfies DependencyKind[];

/** A stop, or a restart, of the unit that they name is one of the unit that names it. */
export const stoppingKinds = [...hardKinds, 'PartOf'] as const satisfies DependencyKind[];

/**
 * Units that belong to a machine and its own systemd, never to the cluster: systemd.special(7), and what is on every
 * machine that runs containers. They are taken as running.
 */
export function isMachineUnit(name: string): boolean {
  return machineTypes.test(name) || specialTargets.has(name) || machineServices.test(name);
}

const machineTypes = /\.(?:mount|automount|swap|device|slice|scope)$/;

const specialTargets = new Set(
  'basic bluetooth boot-complete cryptsetup-pre cryptsetup ctrl-alt-del default emergency exit factory-reset final first-boot-complete getty getty-pre graphical graphical-session graphical-session-pre halt hibernate hybrid-sleep initrd initrd-fs initrd-root-device initrd-root-fs initrd-usr-fs integritysetup kbrequest kexec local-fs local-fs-pre machines multi-user network network-online network-pre nss-lookup nss-user-lookup paths poweroff printer reboot remote-cryptsetup remote-fs remote-fs-pre remote-veritysetup rescue rpcbind runlevel0 runlevel1 runlevel2 runlevel3 runlevel4 runlevel5 runlevel6 shutdown sigpwr sleep slices smartcard sockets sound suspend suspend-then-hibernate swap sysinit system-update system-update-pre time-set time-sync timers umount usb-gadget veritysetup'
    .split(' ')
    .map((name) => `${name}.target`),
);

/** Instances too: `systemd-networkd-wait-online@eth0.service`. */
const machineServices =
  /^(?:docker|containerd|early-docker|dbus|dbus-broker|NetworkManager(?:-[a-z-]+)?|networking|chronyd?|ntpd?|sshd?|rsyslog|systemd-[\w-]+(?:@.*)?)\.(?:service|socket)$/;

/** What the cluster has to know of them: those on units of its machines are left out. Undefined where none is left. */
export function amongClusterUnits(name: string, dependencies: Dependencies): Dependencies | undefined {
  const entries = Object.entries(dependencies)
    .map(([kind, names]) => [kind, names.filter((other) => other !== name && !isMachineUnit(other))] as const)
    .filter(([, names]) => names.length > 0);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Of a target that comes after what it pulls in by default: the other unit's own word that it comes after the target counts. */
export function isOverruled(name: string, stated: Dependencies, other: string, itsOwn: Dependencies): boolean {
  const pulls = [...(stated.Requires ?? []), ...(stated.Wants ?? [])].includes(other);
  return name.endsWith('.target') && pulls && itsOwn.After?.includes(name) === true;
}

/** What a unit with these is found by: each name, and each name with what is said of it. */
export function indexKeys(dependencies: Dependencies | undefined): string[] {
  if (dependencies === undefined) return [];
  const said = Object.entries(dependencies).flatMap(([kind, names]) => names.map((name) => keyOf(kind, name)));
  return [...new Set([...Object.values(dependencies).flat(), ...said])];
}

/** Where those are found that say that of the unit. */
export function keyOf(kind: string, name: string): string {
  return `${kind}=${name}`;
}
