/** Compares create bodies: what docker's command line sends, and what the translator makes. */

/** Maps whose keys and values are all data, and lists whose order the engine does not look at. */
const verbatim = new Set([
  'Labels',
  'Config',
  'Tmpfs',
  'Sysctls',
  'StorageOpt',
  'Annotations',
  'PortBindings',
  'Options',
]);
/** The command line keeps these in maps of Go, whose order is left to chance. */
const unordered = new Set(['Binds', 'Env']);
/** Fields that the command line only sends when it was told to: false and 0 count there. */
const telling = new Set(['Init', 'StopTimeout']);
/** Who is attached is the client's own matter; a unit's container has no client. */
const attaching = new Set(['AttachStdin', 'AttachStdout', 'AttachStderr']);

/**
 * A create body without what says nothing: the command line sends every field of its structures, with zero values for
 * what was not asked for, and spells out the engine's defaults for network, restart policy and swappiness. The MAC
 * address stands at the top only for engines that are older than the one the command line is made to believe in here.
 */
export function normalise(value: unknown, key = ''): unknown {
  if (isDefault(key, value)) return undefined;
  if (Array.isArray(value)) {
    const items = unordered.has(key) ? [...value].sort() : value;
    return items.length === 0 ? undefined : items.map((item) => (typeof item === 'object' ? normalise(item) : item));
  }
  if (typeof value !== 'object' || value === null)
    return value === 0 || value === '' ? undefined : (value ?? undefined);
  if (key === 'ExposedPorts' || key === 'Volumes') return normalise(Object.keys(value).sort());
  const entries = Object.entries(value)
    .filter(([name]) => !attaching.has(name) && !(key === '' && name === 'MacAddress'))
    .map(([name, inner]) => [name, verbatim.has(key) || telling.has(name) ? inner : normalise(inner, name)] as const)
    .filter(([, inner]) => inner !== undefined && inner !== null);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isDefault(key: string, value: unknown): boolean {
  if (value === false) return true;
  if (key === 'ConsoleSize') return true;
  if (key === 'NetworkMode') return value === 'default';
  if (key === 'MemorySwappiness') return value === -1;
  return key === 'RestartPolicy' && (value as { Name: string }).Name === 'no';
}
