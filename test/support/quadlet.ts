/** podman's own generator for `.container` files, as the judge of ours: taken out of a Debian package, never installed. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { takeFromDebianArchive } from '../../shared/embedded/aptPackage.ts';
import { isAccessible } from '../../shared/embedded/files.ts';

const run = promisify(execFile);

export interface Quadlet {
  version: string;
  /** The manual page that it came with, in roff. */
  manual: string;
  /** What it makes of each file, by name: the unit that systemd gets, or why there is none. */
  generate(files: Readonly<Record<string, string>>): Promise<Map<string, { unit: string } | { refused: string }>>;
}

/** The first version that has all the directives of `containerDirectives.ts`. */
const oldest = 5.5;
const program = 'usr/libexec/podman/quadlet';
const manual = 'usr/share/man/man5/podman-systemd.unit.5.gz';

/**
 * The one that was fetched before, or one from a newer Debian than this.
 * @throws {AptPackageError} the archive cannot be reached, or this is no Debian.
 */
export async function findQuadlet(): Promise<Quadlet> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flotilla', 'quadlet');
  const path = join(cache, 'quadlet');
  if (!(await isAccessible(path))) await fetchTo(cache);
  const page = gunzipSync(await readFile(join(cache, 'manual.gz'))).toString();
  return { version: await versionOf(path), manual: page, generate: (files) => generate(path, files) };
}

async function fetchTo(cache: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-quadlet-'));
  try {
    const found = await takeFromDebianArchive({
      dir,
      etc: '/etc',
      name: 'podman',
      program,
      progress: () => undefined,
      check: versionOf,
    });
    const root = found.slice(0, -program.length);
    await mkdir(cache, { recursive: true });
    await copyFile(join(root, manual), join(cache, 'manual.gz'));
    // Whoever finds the program finds both.
    await copyFile(found, join(cache, 'quadlet.new'));
    await rename(join(cache, 'quadlet.new'), join(cache, 'quadlet'));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @throws it does not run here, or is too old. */
async function versionOf(path: string): Promise<string> {
  const version = (await run(path, ['-version'])).stdout.trim();
  if (Number.parseFloat(version) < oldest) throw new Error(`quadlet ${version} is older than ${oldest}`);
  return version;
}

async function generate(path: string, files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-quadlet-'));
  try {
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)));
    const env = { PATH: process.env.PATH ?? '', QUADLET_UNIT_DIRS: directory };
    // It ends with 1 where it refuses one of them.
    const { stdout, stderr } = await run(path, ['-dryrun'], { env, maxBuffer: 1 << 26 }).catch((error) => error);
    const units = new Map<string, { unit: string } | { refused: string }>();
    for (const [, name = '', unit = ''] of String(stdout).matchAll(
      /^---(.+)\.service---\n([\s\S]*?)(?=^---|$(?![\s\S]))/gm,
    )) {
      units.set(`${name}.container`, { unit });
    }
    for (const [, name = '', refused = ''] of String(stderr).matchAll(/converting "([^"]+)": (.*)$/gm)) {
      units.set(name, { refused });
    }
    return units;
  } finally {
    await rm(directory, { recursive: true });
  }
}
