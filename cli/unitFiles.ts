/** Unit files on this machine: finding the one that is meant, and what is wrong with it. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { linesOf, mergeDropIns, originOf, type Source } from '../shared/domain/dropIns.ts';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import { formatProblem, type Problem } from '../shared/domain/problem.ts';
import { maxUnitFileBytes, parseUnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName, templateOf, type UnitName } from '../shared/domain/unitName.ts';
import { decodeUtf8 } from '../shared/domain/utf8.ts';
import type { NamedUnit } from '../shared/protocol/commands.ts';
import { findDropIns } from './dropIns.ts';
import { FailureError } from './errors.ts';
import { unitNameOf, withType } from './unitNames.ts';

export interface CheckedFile {
  path: string;
  /** The file, byte for byte, with its drop-ins after it; null when it is no text, or could not be read. */
  text: string | null;
  problems: FileProblem[];
}

/** A problem in a unit file or in one of its drop-ins. */
export interface FileProblem extends Problem {
  path: string;
  /** The line of the file that it stands in. */
  excerpt?: string;
}

export interface Checking {
  /** Directives that are unsafe to ignore get a warning instead of an error. */
  allowUnsupported?: boolean;
}

/**
 * The units that are meant, as fleet finds them: the file at the path as typed (its name is the unit's, also where it is
 * a symbolic link), else the template beside it. One without either goes without text: the cluster may know it.
 * @throws {FailureError} files were found, and there are errors in them: all of them at once.
 */
export async function findUnits(typed: readonly string[], options: Checking = {}): Promise<NamedUnit[]> {
  const found = await Promise.all(typed.map((each) => findUnit(each, options)));
  const bad = found.flatMap(({ file }) => (file && hasErrors(file) ? [file] : []));
  if (bad.length > 0) {
    throw new FailureError('nothing was sent: there are errors in unit files', { details: bad.flatMap(describeFile) });
  }
  return found.map(({ name, file }) => (typeof file?.text === 'string' ? { name, text: file.text } : { name }));
}

async function findUnit(typed: string, options: Checking): Promise<{ name: string; file: CheckedFile | null }> {
  const name = unitNameOf(typed);
  const path = withType(typed);
  return { name, file: (await checkFile(path, name, options)) ?? (await checkTemplate(path, name, options)) };
}

/** Every problem with its file and line: `web.service:3: error: …`. */
export function describeFile({ problems }: CheckedFile): string[] {
  return problems.map((problem) => formatProblem(problem.path, problem));
}

export function hasErrors({ problems }: CheckedFile): boolean {
  return problems.some(({ severity }) => severity === 'error');
}

async function checkTemplate(path: string, name: string, options: Checking): Promise<CheckedFile | null> {
  const { value } = parseUnitName(name);
  const template = value && templateOf(value);
  if (!template) return null;
  const file = path.endsWith('.container') ? template.replace(/\.service$/, '.container') : template;
  return checkFile(join(dirname(path), file), name, options);
}

/** Reads a file as the unit `name`, with everything that is wrong with it; null when there is no such file. */
export async function checkFile(path: string, name: string, options: Checking = {}): Promise<CheckedFile | null> {
  const content = await readUnitFile(path);
  if (content === null) return null;
  if ('problem' in content) return { path, text: null, problems: [error(path, content.problem)] };
  const { value, problems: badName } = parseUnitName(name);
  const unit = { path, text: decodeUtf8(content.bytes) };
  const syntax = parseUnitFile(content.bytes).problems.map((problem) => locate(problem, unit));
  const before = [...badName.map((problem) => ({ path, ...problem })), ...syntax];
  if (unit.text === null || value === null) return { path, text: unit.text, problems: before };
  const main = { path, text: unit.text };
  const dropIns = await readDropIns(path, value);
  const text = mergeDropIns(main.text, dropIns.sources);
  const { file, problems: whole } = parseUnitFile(text);
  const tooMuch = syntax.length > 0 ? [] : whole.filter(({ line }) => line === undefined);
  const meaning = [...tooMuch, ...interpretUnit(value, file, undefined, options).problems].map((problem) =>
    locateMerged(problem, main, dropIns.sources),
  );
  const problems = [...before, ...dropIns.problems, ...meaning].sort((a, b) => order(a, path) - order(b, path));
  return { path, text, problems };
}

/** Those of the unit file itself go first, by line. */
function order({ path, line = 0 }: FileProblem, main: string): number {
  return (path === main ? 0 : 1_000_000) + line;
}

/** Each drop-in is read by itself first: what stands in none of its sections must not get into one of the unit's. */
async function readDropIns(file: string, unit: UnitName): Promise<{ sources: Source[]; problems: FileProblem[] }> {
  const sources: Source[] = [];
  const problems: FileProblem[] = [];
  for (const { path, bytes } of await findDropIns(dirname(file), unit, { isContainer: file.endsWith('.container') })) {
    const { problems: found } = parseUnitFile(bytes);
    const text = decodeUtf8(bytes);
    const wrong = isBlank(text) ? [] : found;
    problems.push(...wrong.map((problem) => locate(problem, { path, text })));
    if (text !== null && wrong.length === 0 && !isBlank(text)) sources.push({ path, text });
  }
  return { sources, problems };
}

/** Comments and empty sections: nothing to add, and nothing wrong. */
function isBlank(text: string | null): boolean {
  return text !== null && linesOf(text).every((line) => /^($|[#;]|\[[^\]]*\]$)/.test(line.trim()));
}

function locate(problem: Problem, { path, text }: { path: string; text: string | null }): FileProblem {
  const excerpt = problem.line === undefined ? undefined : linesOf(text ?? '')[problem.line - 1];
  return excerpt === undefined ? { path, ...problem } : { path, ...problem, excerpt };
}

function locateMerged(problem: Problem, unit: Source, dropIns: readonly Source[]): FileProblem {
  if (problem.line === undefined) return { path: unit.path, ...problem };
  const { path, line } = originOf(problem.line, unit, dropIns);
  return locate({ ...problem, line }, [unit, ...dropIns].find((source) => source.path === path) ?? unit);
}

function error(path: string, message: string): FileProblem {
  return { path, severity: 'error', message };
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
