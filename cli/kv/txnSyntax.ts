/** Transactions as etcdctl(1) reads them: lines of comparisons, of what to do if they hold, and of what to do if not. */
import type { Compare, RequestOp, TxnRequest } from '../../shared/domain/kv.ts';
import { bytesOfText } from '../../shared/domain/kvKeys.ts';
import { UsageError } from '../errors.ts';
import { findVerb } from '../help.ts';
import { Options } from '../options.ts';
import { checkUsage } from '../usage.ts';
import type { Verb } from '../verb.ts';
import { leaseOf, wholeNumber } from './arguments.ts';
import { deleteRequest, getRequest, putRequest } from './requests.ts';

interface Line {
  number: number;
  text: string;
}

/**
 * An empty line ends each part.
 * @throws {UsageError} with the number of the line that is wrong.
 */
export function parseTxn(text: string): TxnRequest {
  const [compares = [], success = [], failure = [], ...more] = partsOf(text);
  const extra = more.flat()[0];
  if (extra) throw new UsageError(`line ${extra.number}: there are only three parts: comparisons, then and else`);
  return {
    compare: compares.map((line) => at(line, parseCompare)),
    success: success.map((line) => at(line, parseOperation)),
    failure: failure.map((line) => at(line, parseOperation)),
  };
}

function partsOf(text: string): Line[][] {
  const parts: Line[][] = [[]];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') parts.push([]);
    else parts.at(-1)?.push({ number: i + 1, text: line.trim() });
  }
  return parts;
}

function at<T>({ number, text }: Line, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`line ${number}: ${error.message}`);
  }
}

const targets: Record<string, Compare['target']> = {
  ver: 'version',
  version: 'version',
  c: 'create',
  create: 'create',
  m: 'mod',
  mod: 'mod',
  val: 'value',
  value: 'value',
  lease: 'lease',
};
const results: Record<string, Compare['result']> = { '=': 'equal', '!=': 'not-equal', '<': 'less', '>': 'greater' };
const comparison = /^(\w+)\(\s*("(?:[^"\\]|\\.)*"|[^")]+)\s*\)\s*(!=|[=<>])\s*(.+)$/;

function parseCompare(text: string): Compare {
  const [, name = '', key = '', sign = '', operand = ''] = comparison.exec(text) ?? [];
  const [target, result] = [targets[name], results[sign]];
  if (!target || !result) throw new UsageError(`"${text}" is no comparison, such as mod("key") > "0"`);
  const compared = { key: bytesOfText(unquote(key)), result };
  const value = unquote(operand);
  if (target === 'value') return { ...compared, target, value: bytesOfText(value) };
  if (target === 'lease') return { ...compared, target, lease: leaseOf(value) };
  return { ...compared, target, number: wholeNumber(value, `what ${name} is compared with`, { min: 0 }) };
}

function parseOperation(text: string): RequestOp {
  const [name = '', ...words] = wordsOf(text);
  if (!['get', 'put', 'del'].includes(name)) throw new UsageError(`"${name}" is none of get, put and del`);
  const verb = findVerb(`kv ${name}`);
  const { args, given } = separate(verb, words);
  checkUsage(verb, args, given);
  const options = new Options(given);
  if (name === 'get') return { type: 'Range', ...getRequest(args, options) };
  if (name === 'del') return { type: 'DeleteRange', ...deleteRequest(args, options) };
  const { value, ...put } = putRequest(args, options);
  if (value === null) throw new UsageError('put needs a value, "" for an empty one');
  return { type: 'Put', ...put, value };
}

/** Options and arguments of a verb; options' values follow `=` or are the next word. */
function separate(verb: Verb, words: readonly string[]): { args: string[]; given: Record<string, unknown> } {
  const args: string[] = [];
  const given: Record<string, unknown> = {};
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') return { args: [...args, ...rest], given };
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) args.push(word);
    else given[camelCase(name)] = value ?? (takesValue(verb, name) ? rest.shift() : undefined) ?? true;
  }
  return { args, given };
}

function takesValue(verb: Verb, name: string): boolean {
  return verb.options.some(([flags]) => flags.includes(`--${name} <`));
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const quoted = /"(?:[^"\\]|\\.)*"|'[^']*'/g;

/** Words between white space; in quotes, white space is a part of them. */
function wordsOf(text: string): string[] {
  const word = /((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+)(?:\s+|$)/y;
  const words: string[] = [];
  while (word.lastIndex < text.length) {
    const found = word.exec(text)?.[1];
    if (found === undefined) throw new UsageError('a quotation mark is not closed');
    words.push(found.replaceAll(quoted, unquote));
  }
  return words;
}

const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

function unquote(text: string): string {
  const trimmed = text.trim();
  if (/^'.*'$/s.test(trimmed)) return trimmed.slice(1, -1);
  if (!/^".*"$/s.test(trimmed)) return trimmed;
  return trimmed.slice(1, -1).replaceAll(/\\(.)/gs, (_, char: string) => escapes[char] ?? char);
}
