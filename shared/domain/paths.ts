/**
 * A path without doubled slashes, `.` components and a trailing slash: `/a//b/./c/` is `/a/b/c`. Links and `..` stay as
 * they are. As systemd simplifies paths in unit files.
 */
export function simplifyPath(path: string): string {
  const simple = path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  return path.startsWith('/') ? `/${simple}` : simple;
}

export function isAbsolutePath(path: string): boolean {
  return path.startsWith('/');
}

/** True where a `..` component would lead somewhere else than the path says. */
export function hasParentReference(path: string): boolean {
  return path.split('/').includes('..');
}

/** The last component of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
