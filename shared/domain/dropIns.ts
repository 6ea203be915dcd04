/** Drop-ins: pieces of configuration beside a unit file. Semantics: systemd.unit(5), "Unit File Load Path". */
import type { UnitName } from './unitName.ts';

/** A piece of a unit's text and the file that it is from. */
export interface Source {
  path: string;
  text: string;
}

/**
 * Names of the directories whose `*.conf` files belong to the unit. Of files with the same name the one in the first
 * directory counts: of `a-b@c.service` its own, its template's, those of `a-.service`, `a-@c.service` and `a-@.service`,
 * at last `service.d`.
 */
export function dropInDirectories({ prefix, instance, isTemplate, type }: UnitName): string[] {
  const found = directoriesOf(prefix, isTemplate ? '' : instance);
  return [...[...new Set(found)].map((name) => `${name}.${type}.d`), `${type}.d`];
}

/** `instance` is '' for a template. A template is shortened to a plain name: that is what systemd does. */
function directoriesOf(prefix: string, instance: string | undefined): string[] {
  const isInstance = instance !== undefined && instance !== '';
  const own = instance === undefined ? prefix : `${prefix}@${instance}`;
  const template = isInstance ? directoriesOf(prefix, '') : [];
  const shorter = shorten(prefix);
  return [own, ...template, ...(shorter === null ? [] : directoriesOf(shorter, isInstance ? instance : undefined))];
}

/** `a-b-c` becomes `a-b-`, and that `a-`: what ends in a dash, without the last part. */
function shorten(prefix: string): string | null {
  const end = prefix.lastIndexOf('-', prefix.endsWith('-') ? prefix.length - 2 : prefix.length);
  return end > 0 ? prefix.slice(0, end + 1) : null;
}

/**
 * The unit file with its drop-ins, which go after it in the order of their file names, as systemd reads them. A comment
 * says where each is from.
 */
export function mergeDropIns(unit: string, dropIns: readonly Source[]): string {
  return dropIns.reduce(
    (text, { path, text: more }) => `${closed(text)}# ${path}\n${more.replace(/^\ufeff/, '')}`,
    unit,
  );
}

/** Where the text ends in the middle of a line, or of one that is continued, that line ends here. */
function closed(text: string): string {
  return text.endsWith('\n') ? `${text}\n` : `${text}\n\n`;
}

/** The file, and the line in it, that a line of what {@link mergeDropIns} made is from; 1 is the first. */
export function originOf(line: number, unit: Source, dropIns: readonly Source[]): { path: string; line: number } {
  let origin = { path: unit.path, line };
  let merged = unit.text;
  for (const dropIn of dropIns) {
    const before = linesOf(closed(merged)).length;
    if (line > before) origin = { path: dropIn.path, line: line - before };
    merged = mergeDropIns(merged, [dropIn]);
  }
  return origin;
}

/** As the reader of unit files counts them. */
export function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r\n|\n\r|\n|\r/);
}
