/** The language of Exec lines: systemd.service(5), "Command lines". */
import { baseName, isAbsolutePath, simplifyPath } from './paths.ts';
import type { Problem } from './problem.ts';
import { isBlank, readWord, skipBlanks, splitWords } from './quoting.ts';
import { expandSpecifiers, type Specifiers } from './specifiers.ts';
import type { ExecCommand } from './unitSpec.ts';

/**
 * The commands of one Exec assignment, specifiers expanded, variables not yet. A program may be an absolute path or a
 * bare name, which is looked up on the machine that runs it.
 */
export function parseCommandLine(
  text: string,
  specifiers: Specifiers,
): { commands: ExecCommand[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const commands: ExecCommand[] = [];
  let at = 0;
  for (;;) {
    const words = readCommand(text, at, problems);
    if (words === null) break;
    const command = words.texts.length > 0 ? buildCommand(words, specifiers, problems) : null;
    if (command) commands.push(command);
    at = words.end;
  }
  return { commands, problems };
}

interface CommandWords {
  /** As written, for messages. */
  line: string;
  texts: string[];
  end: number;
}

/** Reads words up to a lone `;`. Null at the end of the text, and where quotes make the rest unreadable. */
function readCommand(text: string, start: number, problems: Problem[]): CommandWords | null {
  const texts: string[] = [];
  let at = skipBlanks(text, start);
  const first = at;
  if (at >= text.length) return null;
  while (at < text.length && !isLone(';', text, at)) {
    const isEscaped = texts.length > 0 && isLone('\\;', text, at);
    const word = isEscaped ? { text: ';', end: at + 2, unknownEscapes: [] } : readWord(text, at, 'lenient');
    if (word === null || 'error' in word) {
      problems.push({
        severity: 'error',
        message: `the command line cannot be read: ${word?.error ?? 'it ends early'}`,
      });
      return null;
    }
    for (const sequence of word.unknownEscapes) problems.push(unknownEscape(sequence));
    // systemd takes even a quoted semicolon for a separator where a program should stand.
    if (texts.length === 0 && word.text === ';') return { line: ';', texts, end: word.end };
    texts.push(word.text);
    at = skipBlanks(text, word.end);
  }
  return { line: text.slice(first, at).trimEnd(), texts, end: at + 1 };
}

/** An unquoted word of its own. */
function isLone(word: string, text: string, at: number): boolean {
  const after = text[at + word.length];
  return text.startsWith(word, at) && (after === undefined || isBlank(after));
}

function unknownEscape(sequence: string): Problem {
  return {
    severity: 'warning',
    message: `${sequence} is no escape and is passed on as it stands: write \\\\ for a backslash`,
  };
}

interface Prefixes {
  length: number;
  ignoreFailure: boolean;
  literalVariables: boolean;
  privileged: boolean;
  ownArgv0: boolean;
}

/** `-`, `@`, `:` once each in any order, and one of `+`, `!`, `!!`. */
function readPrefixes(word: string): Prefixes {
  const [run = ''] = /^[-@:+!]*/.exec(word) ?? [];
  const seen = new Set<string>();
  let length = 0;
  for (const char of run) {
    const kind = char === '+' || char === '!' ? 'privileges' : char;
    const isDoubled = char === '!' && seen.has('!') && !seen.has('!!');
    if (seen.has(kind) && !isDoubled) break;
    seen.add(kind).add(isDoubled ? '!!' : char);
    length += 1;
  }
  return {
    length,
    ignoreFailure: seen.has('-'),
    literalVariables: seen.has(':'),
    privileged: seen.has('privileges'),
    ownArgv0: seen.has('@'),
  };
}

function buildCommand(words: CommandWords, specifiers: Specifiers, problems: Problem[]): ExecCommand | null {
  const [first = '', ...rest] = words.texts;
  const prefixes = readPrefixes(first);
  const [program = '', ...args] = [first.slice(prefixes.length), ...rest].map((word) => {
    const expanded = expandSpecifiers(word, specifiers);
    problems.push(...expanded.problems);
    return expanded.value;
  });
  const argv = prefixes.ownArgv0 ? args : [program, ...args];
  const message = programProblem(program) ?? (argv.length === 0 ? '"@" needs the name to call the program by' : null);
  if (message !== null) {
    problems.push({ severity: 'error', message: `${message} in: ${words.line}` });
    return null;
  }
  const { ignoreFailure, literalVariables, privileged } = prefixes;
  return { line: words.line, path: simplifyPath(program), argv, ignoreFailure, literalVariables, privileged };
}

function programProblem(program: string): string | null {
  const shown = JSON.stringify(program);
  if (program === '') return 'there is no program';
  if (/[\p{Cc}"'\\]/u.test(program)) return `the program ${shown} contains quotes, backslashes or control characters`;
  if (program.endsWith('/')) return `the program ${shown} is a directory`;
  if (isAbsolutePath(program)) return null;
  if (program.startsWith('$')) return `the program ${shown} is a variable: only arguments may be`;
  if (program === '.' || program === '..' || baseName(program) !== program) {
    return `the program ${shown} is a relative path: write an absolute one, or a name to be found on PATH`;
  }
  return null;
}

/**
 * Puts in environment variables as systemd does right before a command runs. A word that is `$NAME` becomes the
 * variable's words: none where it is unset, quotes in it respected (whether the word itself stood in quotes in the unit
 * file does not matter). `${NAME}` within a word becomes the value as it is, `$$` a dollar sign.
 * `${NAME:-value}` and its kind are for a shell, and stay.
 */
export function substituteVariables(argv: readonly string[], environment: Record<string, string>): string[] {
  const valueIn = (name: string) => (Object.hasOwn(environment, name) ? (environment[name] ?? '') : '');
  return argv.flatMap((word) => {
    if (/^\$(?![{$])/.test(word)) return splitWords(valueIn(word.slice(1)), 'drop').words;
    return word.replace(/\$\$|\$\{([^}:]*)\}/g, (_, name?: string) => (name === undefined ? '$' : valueIn(name)));
  });
}
