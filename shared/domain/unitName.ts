/**
 * Names of units and the escaping that puts arbitrary text into them. Semantics: systemd.unit(5), "String escaping for
 * inclusion in unit names", and systemd-escape(1).
 */
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import type { Problem } from './problem.ts';
import { decodeUtf8 } from './utf8.ts';

export interface UnitName {
  /** The whole name: `polop@redis.service`. */
  name: string;
  /** What stands before the first `@`, or before the type where there is none: `polop`. */
  prefix: string;
  /** What stands between the first `@` and the type: `redis`. Absent in templates and plain names. */
  instance?: string;
  type: UnitType;
  /** `polop@.service`: it only runs as an instance. */
  isTemplate: boolean;
}

export const unitTypes = [
  'service',
  'socket',
  'target',
  'device',
  'mount',
  'automount',
  'swap',
  'timer',
  'path',
  'slice',
  'scope',
] as const;
export type UnitType = (typeof unitTypes)[number];

const maxLength = 255;
const foreignCharacter = /[^a-zA-Z0-9:_.\\@-]/u;

/** Takes a unit name apart, or says everything that is wrong with it. */
export function parseUnitName(name: string): { value: UnitName; problems: [] } | { value: null; problems: Problem[] } {
  const type = typeOf(name);
  const problems = findProblems(name, type);
  if (type === null || problems.length > 0) return { value: null, problems: problems.map(asError) };
  return { value: takeApart(name, type), problems: [] };
}

function takeApart(name: string, type: UnitType): UnitName {
  const stem = name.slice(0, -(type.length + 1));
  const at = stem.indexOf('@');
  if (at < 0) return { name, prefix: stem, type, isTemplate: false };
  const prefix = stem.slice(0, at);
  const instance = stem.slice(at + 1);
  return instance === ''
    ? { name, prefix, type, isTemplate: true }
    : { name, prefix, instance, type, isTemplate: false };
}

function typeOf(name: string): UnitType | null {
  const suffix = name.slice(name.lastIndexOf('.') + 1);
  return name.includes('.') ? (unitTypes.find((type) => type === suffix) ?? null) : null;
}

function findProblems(name: string, type: UnitType | null): string[] {
  if (name === '') return ['a unit name cannot be empty'];
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  const problems: string[] = [];
  if (name.length > maxLength)
    problems.push(`a unit name has at most ${maxLength} characters, this one ${name.length}`);
  const foreign = foreignCharacter.exec(name);
  if (foreign) {
    const allowed = 'letters, digits and : _ . - @ \\';
    problems.push(`the unit name ${shown} contains ${JSON.stringify(foreign[0])}: only ${allowed} may stand there`);
  }
  if (type === null) problems.push(`the unit name ${shown} does not end with a unit type, such as .service`);
  if (name.startsWith('@') || name.startsWith('.')) {
    problems.push(`the unit name ${shown} has nothing before its first "${name[0]}"`);
  }
  return problems;
}

function asError(message: string): Problem {
  return { severity: 'error', message };
}

/** The template that an instance is made of (`polop@redis.service`: `polop@.service`), or null for any other name. */
export function templateOf(unit: UnitName): string | null {
  return unit.instance === undefined ? null : `${unit.prefix}@.${unit.type}`;
}

/** The same for a name that is known to be one; a template itself is no instance. */
export function templateOfName(name: string): string | null {
  const at = name.indexOf('@');
  const dot = name.lastIndexOf('.');
  return at < 0 || dot === at + 1 ? null : name.slice(0, at + 1) + name.slice(dot);
}

/** The instances `1` to `count` of a template (`web@.service`). */
export function numberedInstances(template: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => template.replace('@.', () => `@${index + 1}.`));
}

/** Makes any text a part of a unit name: `/` becomes `-`, every other special byte `\xNN`. */
export function escapeName(text: string): string {
  return text.replace(/^\.|[^a-zA-Z0-9:_.]/gu, (char) => (char === '/' ? '-' : escapeBytes(char)));
}

function escapeBytes(char: string): string {
  return Array.from(new TextEncoder().encode(char), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Undoes {@link escapeName}; null where the text has an escape that is none, or bytes that are not UTF-8. */
export function unescapeName(escaped: string): string | null {
  const bytes: number[] = [];
  for (const [piece] of escaped.matchAll(/\\(?:x[0-9a-fA-F]{2})?|[^\\]+/gu)) {
    if (piece === '\\') return null;
    if (piece.startsWith('\\')) bytes.push(Number.parseInt(piece.slice(2), 16));
    else bytes.push(...new TextEncoder().encode(piece.replaceAll('-', '/')));
  }
  return bytes.includes(0) ? null : decodeUtf8(Uint8Array.from(bytes));
}

/** {@link escapeName} for an absolute path (`/tmp//waldi/` is `tmp-waldi`); null where it is no such path or has `..`. */
export function escapePath(path: string): string | null {
  if (!isAbsolutePath(path) || hasParentReference(path)) return null;
  const simple = simplifyPath(path);
  return simple === '/' ? '-' : escapeName(simple.slice(1));
}

/** Undoes {@link escapePath}; null where the text is no escaped path. */
export function unescapePath(escaped: string): string | null {
  if (escaped === '-') return '/';
  const path = unescapeName(escaped);
  const whole = `/${path}`;
  const isPath = path !== null && path !== '' && simplifyPath(whole) === whole && !hasParentReference(whole);
  return isPath ? whole : null;
}
