/** How the runtime marks its containers, and reads the marks again: they are all that an adopting agent has. */

export const labelKeys = {
  machine: 'flotilla.machine',
  /** Tells two nodes apart that were given the same machine id, in clusters that know nothing of each other. */
  node: 'flotilla.node',
  cluster: 'flotilla.cluster',
  unit: 'flotilla.unit',
  hash: 'flotilla.hash',
  token: 'flotilla.token',
  /** Id of the activation. */
  invocation: 'flotilla.invocation',
  kind: 'flotilla.kind',
  /** Whose messages count (`notify/listener.ts`), where it may talk. */
  notify: 'flotilla.notify',
  /** The unit asked for `--rm`: once it has ended, the container may go whenever it is in the way. */
  disposable: 'flotilla.rm',
} as const;

/** `main` is the unit's service; `control` what its other Exec lines run. */
export type ContainerKind = 'main' | 'control';

/** Whose a container is; null: Flotilla did not start it. */
export interface Owner {
  machine: string;
  node: string;
  cluster: string | undefined;
  unit: string;
  token: number;
  disposable: boolean;
}

export function ownerOf(labels: Readonly<Record<string, string>>): Owner | null {
  const { [labelKeys.machine]: machine, [labelKeys.node]: node, [labelKeys.unit]: unit } = labels;
  if (machine === undefined || node === undefined || unit === undefined) return null;
  const disposable = labels[labelKeys.disposable] === 'true';
  return {
    machine,
    node,
    cluster: labels[labelKeys.cluster],
    unit,
    token: Number(labels[labelKeys.token] ?? 0),
    disposable,
  };
}

/** `key=value`, as the engine's filters have it. */
export function labelFilter(wanted: { node?: string; unit?: string; hash?: string; kind?: ContainerKind }): string[] {
  return Object.entries(wanted).map(([key, value]) => `${labelKeys[key as keyof typeof wanted]}=${value}`);
}

/** The name of a container whose unit does not give it one. */
export function defaultName(unit: string, machine: string): string {
  const safe = (text: string) => text.replaceAll('@', '-at-').replace(/[^a-zA-Z0-9_.-]/g, '-');
  return `flotilla-${safe(unit)}-${safe(machine.slice(0, 12))}`;
}
