/** Unit files on this machine: finding the one that is meant, and what is wrong with it. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import { formatProblem, type Problem } from '../shared/domain/problem.ts';
import { maxUnitFileBytes, parseUnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName, templateOf } from '../shared/domain/unitName.ts';
import { decodeUtf8 } from '../shared/domain/utf8.ts';
import type { NamedUnit } from '../shared/protocol/commands.ts';
import { FailureError } from './errors.ts';
import { unitNameOf, withType } from './unitNames.ts';

export interface CheckedFile {
  path: string;
  /** The file, byte for byte; null when it is no text, or could not be read. */
  text: string | null;
  problems: Problem[];
}

/**
 * The units that are meant, as fleet finds them: the file at the path as typed (its name is the unit's, also where it is
 * a symbolic link), else the template beside it. One without either goes without text: the cluster may know it.
 * @throws {FailureError} files were found, and there are errors in them: all of them at once.
 */
export async function findUnits(typed: readonly string[]): Promise<NamedUnit[]> {
  const found = await Promise.all(typed.map(findUnit));
  const bad = found.flatMap(({ file }) => (file && hasErrors(file) ? [file] : []));
  if (bad.length > 0) {
    throw new FailureError('nothing was sent: there are errors in unit files', { details: bad.flatMap(describeFile) });
  }
  return found.map(({ name, file }) => (typeof file?.text === 'string' ? { name, text: file.text } : { name }));
}

async function findUnit(typed: string): Promise<{ name: string; file: CheckedFile | null }> {
  const name = unitNameOf(typed);
  const path = withType(typed);
  return { name, file: (await checkFile(path, name)) ?? (await checkTemplate(path, name)) };
}

/** Every problem with its file and line: `web.service:3: error: …`. */
export function describeFile({ path, problems }: CheckedFile): string[] {
  return problems.map((problem) => formatProblem(path, problem));
}

export function hasErrors({ problems }: CheckedFile): boolean {
  return problems.some(({ severity }) => severity === 'error');
}

async function checkTemplate(path: string, name: string): Promise<CheckedFile | null> {
  const { value } = parseUnitName(name);
  const template = value && templateOf(value);
  return template ? checkFile(join(dirname(path), template), name) : null;
}

/** Reads a file as the unit `name`, with everything that is wrong with it; null when there is no such file. */
export async function checkFile(path: string, name: string): Promise<CheckedFile | null> {
  const content = await readUnitFile(path);
  if (content === null) return null;
  if ('problem' in content) return { path, text: null, problems: [error(content.problem)] };
  const { value, problems: badName } = parseUnitName(name);
  const { file, problems: syntax } = parseUnitFile(content.bytes);
  const meaning = value ? interpretUnit(value, file).problems : [];
  const problems = [...badName, ...syntax, ...meaning].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { path, text: decodeUtf8(content.bytes), problems };
}

function error(message: string): Problem {
  return { severity: 'error', message };
}

async function readUnitFile(path: string): Promise<{ bytes: Uint8Array } | { problem: string } | null> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return { problem: 'is a directory, not a unit file' };
    if (!stats.isFile()) return { problem: 'is no regular file' };
    if (stats.size > maxUnitFileBytes) return { problem: tooLarge(stats.size) };
    return { bytes: await readFile(path) };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (code === undefined) throw cause;
    return { problem: `cannot be read: ${message}` };
  }
}

function tooLarge(size: number): string {
  return `has ${size} bytes: a unit file has at most ${maxUnitFileBytes / 1024} KiB`;
}
