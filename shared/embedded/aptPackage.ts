import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AptSource,
  archiveUris,
  parseDeb822Sources,
  parseDistribution,
  parseOneLineSources,
} from './aptSources.ts';
import { describeError } from './describeError.ts';
import { isAccessible, readIfThere } from './files.ts';
import { runCommand } from './runCommand.ts';

/** No configured archive has a usable package; the message says what was tried. */
export class AptPackageError extends Error {
  override readonly name = 'AptPackageError';
}

export interface AptPackageOptions {
  /** Where to work; the caller removes it. */
  dir: string;
  progress: (line: string) => void;
  /** The machine's configuration directory: `/etc`. */
  etc: string;
  /** Name of the package. */
  name: string;
  /** Where the program is in it: `usr/sbin/nats-server`. */
  program: string;
  /** Throws when this program will not do; an older or newer suite may have a better one. */
  check: (path: string) => Promise<unknown>;
}

const updateTimeoutMs = 90_000;
const packageTimeoutMs = 90_000;

/**
 * Takes a program out of the Debian package of a newer suite than the installed one, from the archive that the
 * machine is configured to use, checked by apt against the keyring that is installed. It works in directories of its
 * own: nothing is installed, the system's package lists are not touched, and root is not needed.
 * Resolves with the program's path.
 * @throws {AptPackageError}
 */
export async function takeFromDebianArchive(options: AptPackageOptions): Promise<string> {
  const { dir, etc } = options;
  const distribution = parseDistribution((await readIfThere(join(etc, 'os-release'))) ?? '');
  if (distribution === null) throw new AptPackageError('this is not a system of the Debian family');
  const keyring = await findKeyring(distribution.keyring);
  const uris = archiveUris(await readSources(etc), distribution.codename);
  if (uris.length === 0)
    throw new AptPackageError(`no archive of ${distribution.codename} is configured in ${etc}/apt`);
  const failures: string[] = [];
  for (const uri of uris) {
    for (const suite of distribution.suites) {
      const line = `deb [signed-by=${keyring}] ${uri} ${suite} ${distribution.component}`;
      try {
        return await takeFromSuite({ ...options, dir: join(dir, `apt-${failures.length}`) }, line);
      } catch (error) {
        failures.push(`${suite}: ${describeError(error)}`);
      }
    }
  }
  throw new AptPackageError(failures.join('; '));
}

async function takeFromSuite(options: AptPackageOptions, sourceLine: string): Promise<string> {
  const { dir, progress, name, check } = options;
  const config = await writeAptConfig(dir, sourceLine);
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  progress(`reading the package list of ${sourceLine}`);
  await runCommand('apt-get', ['-c', config, 'update'], { timeoutMs: updateTimeoutMs, env });
  progress(`downloading the package ${name}`);
  await runCommand('apt-get', ['-c', config, 'download', name], {
    cwd: dir,
    timeoutMs: packageTimeoutMs,
    env,
  });
  const file = (await readdir(dir)).find((entry) => entry.endsWith('.deb'));
  if (file === undefined) throw new AptPackageError('apt-get download left no package');
  const root = join(dir, 'root');
  await runCommand('dpkg-deb', ['-x', join(dir, file), root], { timeoutMs: 60_000 });
  const program = join(root, options.program);
  await check(program);
  return program;
}

/**
 * apt.conf(5). It is read after the system's own, whose proxies are thus kept, while everything that apt would write to,
 * and whatever the system wants done after an update, is replaced.
 */
async function writeAptConfig(dir: string, sourceLine: string): Promise<string> {
  await mkdir(join(dir, 'state/lists/partial'), { recursive: true });
  await mkdir(join(dir, 'cache/archives/partial'), { recursive: true });
  const sources = join(dir, 'sources.list');
  await writeFile(sources, `${sourceLine}\n`);
  const config = join(dir, 'apt.conf');
  const lines = [
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    `Dir::State "${dir}/state";`,
    `Dir::Cache "${dir}/cache";`,
    `Dir::Etc::SourceList "${sources}";`,
    'Dir::Etc::SourceParts "/dev/null";',
    // The unprivileged user that apt would download as may not enter our directory.
    'APT::Sandbox::User "";',
    'Acquire::Languages "none";',
    'Acquire::GzipIndexes "true";',
    'Acquire::http::Timeout "5";',
    'Acquire::https::Timeout "5";',
    'Acquire::Retries "1";',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return config;
}

/** Newer releases call their keyrings `.pgp`. */
async function findKeyring(base: string): Promise<string> {
  for (const keyring of [`${base}.pgp`, `${base}.gpg`]) {
    if (await isAccessible(keyring)) return keyring;
  }
  throw new AptPackageError(`the archive's keyring ${base}.gpg is not installed`);
}

async function readSources(etc: string): Promise<AptSource[]> {
  const main = (await readIfThere(join(etc, 'apt/sources.list'))) ?? '';
  const parts = join(etc, 'apt/sources.list.d');
  const names = await readdir(parts).catch(() => []);
  const read = async (name: string) => {
    if (!/\.(list|sources)$/.test(name)) return [];
    const text = await readFile(join(parts, name), 'utf8');
    return name.endsWith('.list') ? parseOneLineSources(text) : parseDeb822Sources(text);
  };
  return [parseOneLineSources(main), ...(await Promise.all(names.sort().map(read)))].flat();
}
