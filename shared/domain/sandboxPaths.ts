/** Lists of paths that a unit's program sees otherwise than others do: systemd.exec(5), `ReadOnlyPaths=` to `TemporaryFileSystem=`. */
import type { DirectiveReader } from './directiveReader.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import type { UnitOption } from './unitFile.ts';

const section = 'Service';

export interface SandboxBind {
  /** On the machine. */
  source: string;
  /** In the container. */
  target: string;
  /** Prefix `-`: left out where there is no such source. */
  optional: boolean;
  readOnly: boolean;
  /** With what is mounted below the source. */
  recursive: boolean;
}

export interface SandboxTmpfs {
  path: string;
  /** Of mount(8), separated by commas. */
  options: string;
}

/**
 * The `-` (it may be missing) makes no difference in a container, where what the image has not got is passed over, and
 * `+` (it is below RootDirectory=) makes none without RootDirectory=.
 */
export function readPathList(reader: DirectiveReader, ...names: string[]): string[] {
  const paths = reader.words(section, names, 'drop').flatMap(({ option, word }) => {
    const checked = checkedPath(reader, option, word.replace(/^-?\+?/, ''));
    return names[0] === 'InaccessiblePaths' ? belowRoot(reader, option, checked) : checked;
  });
  return [...new Set(paths)];
}

export function readBinds(reader: DirectiveReader): SandboxBind[] {
  return reader.words(section, ['BindPaths', 'BindReadOnlyPaths'], 'drop').flatMap(({ option, word }) => {
    const optional = word.startsWith('-');
    const [from = '', to = from, how = 'rbind', ...rest] = word.slice(optional ? 1 : 0).split(':');
    if (rest.length > 0 || !['rbind', 'norbind', ''].includes(how)) {
      reader.fail(option, `: ${JSON.stringify(word)} is not SOURCE:TARGET, with :norbind or without`);
      return [];
    }
    const [source] = checkedPath(reader, option, from);
    const [target] = belowRoot(reader, option, checkedPath(reader, option, to));
    if (source === undefined || target === undefined) return [];
    const readOnly = option.name === 'BindReadOnlyPaths';
    return [{ source, target, optional, readOnly, recursive: how !== 'norbind' }];
  });
}

/** The options that docker lets pass for `--tmpfs`, with `KEY=VALUE` or without. */
const flags = new Set(
  'ro rw exec noexec suid nosuid dev nodev atime noatime relatime strictatime sync async'.split(' '),
);
const settings = new Set('mode uid gid size nr_inodes nr_blocks mpol'.split(' '));

export function readTemporary(reader: DirectiveReader): SandboxTmpfs[] {
  return reader.words(section, 'TemporaryFileSystem', 'drop').flatMap(({ option, word }) => {
    const [path = '', options = ''] = word.split(/:(.*)/s);
    const unknown = options.split(',').filter((text) => text !== '' && !isTmpfsOption(text));
    if (unknown.length > 0) reader.fail(option, `: docker has no tmpfs with ${unknown.join(', ')}`);
    const targets = belowRoot(reader, option, checkedPath(reader, option, path));
    return targets.map((target) => ({ path: target, options }));
  });
}

function isTmpfsOption(text: string): boolean {
  const [key = '', value] = text.split('=', 2);
  return value === undefined ? flags.has(key) : settings.has(key) && value !== '';
}

function belowRoot(reader: DirectiveReader, option: UnitOption, paths: string[]): string[] {
  if (!paths.includes('/')) return paths;
  reader.fail(option, ': the root of a container is its image, which it cannot be without: name something below it');
  return [];
}

/** None where it is no path, which the reader then has. */
function checkedPath(reader: DirectiveReader, option: UnitOption, path: string): string[] {
  if (isAbsolutePath(path) && !hasParentReference(path)) return [simplifyPath(path)];
  reader.fail(option, `: ${JSON.stringify(path)} is no absolute path without ..`);
  return [];
}
