/**
 * The syntax of unit files, as systemd.syntax(7) and systemd's own reader have it. What the directives mean is the
 * business of `interpretUnit.ts`.
 */
import type { Problem } from './problem.ts';
import { decodeUtf8 } from './utf8.ts';

/** Assignments in the order of the file, and the sections in the order that they first appear in. */
export interface UnitFile {
  sections: { name: string; line: number }[];
  options: UnitOption[];
}

export interface UnitOption {
  section: string;
  name: string;
  /** Without white space around it; of continued lines each `\` at the end is a space. */
  value: string;
  /** The value with its continued lines as they stand in the file, comments among them left out. */
  raw: string;
  /** Of the (first) line that it stands on; 1 is the first. */
  line: number;
  /** Where in that line the name and the value begin; 1 is its first character. */
  column: number;
  valueColumn: number;
}

/** Larger files are not unit files: fleet and etcd never took them either. */
export const maxUnitFileBytes = 256 * 1024;

/** Reads a unit file and reports everything that is no syntax, each with its line. */
export function parseUnitFile(input: string | Uint8Array): { file: UnitFile; problems: Problem[] } {
  const file: UnitFile = { sections: [], options: [] };
  const { text, problem } = decodeInput(input);
  if (problem !== undefined) return { file, problems: [{ severity: 'error', message: problem }] };
  const problems: Problem[] = [];
  readLines(file, text, (line, message) => problems.push({ severity: 'error', line, message }));
  if (file.options.length === 0 && problems.length === 0) {
    problems.push({
      severity: 'error',
      message: 'the unit file is empty: it needs at least [Service] with ExecStart=',
    });
  }
  return { file, problems };
}

function decodeInput(input: string | Uint8Array): { text: string; problem?: string } {
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  if (bytes.length > maxUnitFileBytes) {
    const limit = `${maxUnitFileBytes / 1024} KiB`;
    return { text: '', problem: `the unit file has ${bytes.length} bytes: at most ${limit} are read` };
  }
  if (bytes.includes(0)) return { text: '', problem: 'the unit file is binary: it contains NUL bytes' };
  const text = decodeUtf8(bytes);
  if (text === null) return { text: '', problem: 'the unit file is not UTF-8 text' };
  return { text: text.replace(/^\ufeff/, '') };
}

type Report = (line: number, message: string) => void;

interface Reading {
  file: UnitFile;
  /** Names of `file.sections`. */
  known: Set<string>;
  /** null before the first header. */
  section: string | null;
  /** After a line that should have been a header: what follows belongs to a section that nobody knows. */
  skipping: boolean;
  report: Report;
}

function readLines(file: UnitFile, text: string, report: Report): void {
  const reading: Reading = { file, known: new Set(), section: null, skipping: false, report };
  let pending: { pieces: string[]; line: number } | null = null;
  for (const [index, physical] of text.split(lineEnd).entries()) {
    if (comment.test(physical)) continue;
    pending ??= { pieces: [], line: index + 1 };
    pending.pieces.push(physical);
    if (endsWithBackslash(physical)) continue;
    readLine(reading, pending.pieces, pending.line);
    pending = null;
  }
  // A file that ends in the middle of a continued line reads as if an empty line followed.
  if (pending !== null) readLine(reading, [...pending.pieces, ''], pending.line);
}

// What systemd's read_line() takes for the end of a line.
const lineEnd = /\r\n|\n\r|\n|\r/;
const comment = /^[ \t]*[#;]/;

/** An odd number of them: the last one is not itself escaped. */
function endsWithBackslash(line: string): boolean {
  let at = line.length;
  while (at > 0 && line[at - 1] === '\\') at -= 1;
  return (line.length - at) % 2 === 1;
}

function readLine(reading: Reading, pieces: string[], line: number): void {
  const last = pieces.length - 1;
  const logical = strip(pieces.map((piece, index) => (index < last ? `${piece.slice(0, -1)} ` : piece)).join(''));
  if (logical === '') return;
  const problem = logical.startsWith('[')
    ? readHeader(reading, logical, line)
    : readAssignment(reading, logical, pieces.join('\n'), line);
  if (problem !== null) reading.report(line, problem);
}

/** What is wrong, or null. */
function readHeader(reading: Reading, header: string, line: number): string | null {
  const name = header.slice(1, -1);
  const isHeader = header.endsWith(']') && name !== '' && !/[\p{Cc}"'\\[\]]/u.test(name);
  reading.skipping = !isHeader;
  if (!isHeader) return `${quote(header)} is no section header: write [Name]`;
  reading.section = name;
  if (!reading.known.has(name)) reading.file.sections.push({ name, line });
  reading.known.add(name);
  return null;
}

/** What is wrong, or null. */
function readAssignment(reading: Reading, logical: string, raw: string, line: number): string | null {
  const equals = logical.indexOf('=');
  if (equals < 0) return `${quote(logical)} is no assignment: write Name=Value`;
  if (equals === 0) return `nothing stands before the "=" in ${quote(logical)}`;
  const { section, skipping } = reading;
  if (skipping) return null;
  if (section === null) return `${quote(logical)} stands in no section`;
  const name = strip(logical.slice(0, equals));
  const value = strip(logical.slice(equals + 1));
  const option = { section, name, value, raw: stripRaw(raw.slice(raw.indexOf('=') + 1)), line };
  reading.file.options.push({ ...option, ...columnsOf(raw) });
  return null;
}

function columnsOf(raw: string): { column: number; valueColumn: number } {
  const afterEquals = raw.indexOf('=') + 1;
  blanks.lastIndex = afterEquals;
  const blank = blanks.exec(raw)?.[0].length ?? 0;
  return { column: raw.search(/[^ \t]/) + 1, valueColumn: afterEquals + blank + 1 };
}

const blanks = /[ \t]*/y;

/** White space is what systemd calls so: JavaScript's trim() would take more. */
function strip(text: string): string {
  return stripEnd(text.replace(/^[ \t\r\n]+/, ''), ' \t\r\n');
}

/** A plain loop: a regular expression anchored at the end takes quadratic time on long runs of blanks. */
function stripEnd(text: string, blanks: string): string {
  let end = text.length;
  while (end > 0 && blanks.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/**
 * Keeps what continues a line: an empty last line, and the blank that stops a `\` at the end from continuing the value
 * into whatever is written after it.
 */
function stripRaw(raw: string): string {
  const stripped = stripEnd(raw.replace(/^[ \t]+/, ''), ' \t');
  return stripped.length < raw.length && endsWithBackslash(stripped) ? `${stripped} ` : stripped;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** The assignment that counts where only one may: the last. */
export function lastOption(file: UnitFile, section: string, ...names: string[]): UnitOption | undefined {
  return file.options.findLast((option) => option.section === section && names.includes(option.name));
}

/** The assignments of a list, in order; an empty one takes back all before it (systemd.syntax(7)). */
export function listOptions(file: UnitFile, section: string, ...names: string[]): UnitOption[] {
  const all = file.options.filter((option) => option.section === section && names.includes(option.name));
  return all.slice(all.findLastIndex((option) => option.value === '') + 1);
}

/**
 * fleet's canonical form: sections in the order first seen, each with its assignments, an empty line between sections;
 * no comments, continued lines as they stand. Its SHA-1 is the unit's hash.
 */
export function canonicalText(file: UnitFile): string {
  const sections = new Map<string, string[]>();
  for (const { section, name, raw } of file.options) {
    const lines = sections.get(section) ?? [];
    if (lines.length === 0) sections.set(section, lines);
    lines.push(`${name}=${raw}\n`);
  }
  return Array.from(sections, ([name, lines]) => `[${name}]\n${lines.join('')}`).join('\n');
}
