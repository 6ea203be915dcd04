/** What is mounted where: proc_pid_mountinfo(5). */

export interface Mount {
  point: string;
  isReadOnly: boolean;
}

/** In the order of mounting: of several at one place the last one is seen. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , point, options = ''] = before.split(' ');
    const superOptions = after.split(' ')[2] ?? '';
    if (point === undefined) return [];
    const isReadOnly = [options, superOptions].some((list) => list.split(',').includes('ro'));
    return [{ point: unescapeOctal(point), isReadOnly }];
  });
}

/** The mount that a path, without links in it, is on. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  let found: Mount | null = null;
  for (const mount of mounts) {
    const isAbove = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`);
    if (isAbove && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found;
}

/** Blanks and backslashes are written as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
