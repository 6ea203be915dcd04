/** Drop-ins beside a unit file on this machine: `foo.service.d/10-memory.conf` and its like. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dropInDirectories } from '../shared/domain/dropIns.ts';
import type { UnitName } from '../shared/domain/unitName.ts';

/**
 * The drop-ins of a unit whose file is in `directory`, in the order in which they are read. An empty one, or a link to
 * /dev/null, hides those of the same name in less specific directories. A Quadlet file has `foo.container.d` as well.
 */
export async function findDropIns(
  directory: string,
  unit: UnitName,
  { isContainer = false } = {},
): Promise<{ path: string; bytes: Uint8Array }[]> {
  const paths = new Map<string, string>();
  const names = dropInDirectories(unit);
  const ofContainer = isContainer ? names.map((name) => name.replace(/service\.d$/, 'container.d')) : [];
  for (const name of [...ofContainer, ...names]) {
    for (const file of await listConfigurations(join(directory, name))) {
      if (!paths.has(file)) paths.set(file, join(directory, name, file));
    }
  }
  // By their bytes, as strcmp(3) orders names.
  const ordered = [...paths].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Promise.all(ordered.map(async ([, path]) => ({ path, bytes: await readFile(path) })));
}

async function listConfigurations(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
}
