/**
 * Reads options the way docker's command line does (GNU style, as the Go package pflag has it): `--name=x`, `--name x`,
 * clusters of short flags (`-dit`), values glued to a short option (`-p80:80`), `--` as the end of options.
 */

/** One option of a command; `D` is what it fills in. */
export interface DockerOption<D> {
  /** The one-letter name. */
  short?: string;
  /** Takes no value unless one is glued on with `=`. */
  flag?: boolean;
  /** It is taken, and has no effect; why. */
  ignored?: string;
  /** Some or all of its values are refused; why, and what to do instead. */
  refused?: string;
  /** Takes the value in; answers what is wrong with it. A flag without a value gets `true`. */
  apply: (draft: D, value: string) => string | undefined;
}

/** Options by long name. */
export type DockerOptions<D> = Readonly<Record<string, DockerOption<D>>>;

export interface Scan {
  /** The words that are no options. */
  words: string[];
  problems: string[];
  /** A value with a variable in it was left alone: what the options say together is not known yet. */
  incomplete: boolean;
}

export interface ScanSettings<D> {
  options: DockerOptions<D>;
  draft: D;
  /** Options may stand after words too (`docker rm redis -f`); otherwise the first word ends them. */
  interspersed?: boolean;
  /** Names the command in problems: `docker run`. */
  command: string;
  /** Values with variables in them (`$PORT`) are left alone: they are read again when the variables are known. */
  skipVariables: boolean;
}

const variable = /\$[A-Za-z_{]/;

/** True where systemd would put in a variable: `$NAME` or `${NAME}`. */
export function hasVariable(text: string): boolean {
  return variable.test(text);
}

/** Takes options off the front of `args` (or from everywhere, if interspersed) and applies them to the draft. */
export function scanOptions<D>(args: readonly string[], settings: ScanSettings<D>): Scan {
  const scan: Scan = { words: [], problems: [], incomplete: false };
  const queue = [...args];
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    if (arg === '--') {
      scan.words.push(...queue);
      break;
    }
    if (arg.startsWith('--')) scanLong(arg.slice(2), queue, settings, scan);
    else if (arg.startsWith('-') && arg !== '-') scanShort(arg.slice(1), queue, settings, scan);
    else if (settings.interspersed) scan.words.push(arg);
    else {
      scan.words.push(arg, ...queue);
      break;
    }
  }
  return scan;
}

function scanLong<D>(text: string, queue: string[], settings: ScanSettings<D>, scan: Scan): void {
  const [name, glued] = splitOnce(text, '=');
  const option = Object.hasOwn(settings.options, name) ? settings.options[name] : undefined;
  if (!option) {
    scan.problems.push(`${settings.command} has no option --${name} that Flotilla understands`);
    // So that the words after it are still checked, a word that follows is taken for its value, but never the last one.
    if (glued === undefined && queue.length > 1 && !queue[0]?.startsWith('-')) queue.shift();
    return;
  }
  applyOption({ option, shown: `--${name}`, glued, queue, settings, scan });
}

function scanShort<D>(cluster: string, queue: string[], settings: ScanSettings<D>, scan: Scan): void {
  for (let rest = cluster; rest !== ''; ) {
    const letter = rest.charAt(0);
    const option = Object.values(settings.options).find((candidate) => candidate.short === letter);
    if (!option) {
      scan.problems.push(unknownShort(cluster, letter, settings));
      return;
    }
    rest = rest.slice(1);
    const glued = rest.startsWith('=') ? rest.slice(1) : option.flag || rest === '' ? undefined : rest;
    applyOption({ option, shown: `-${letter}`, glued, queue, settings, scan });
    if (glued !== undefined) return;
  }
}

function unknownShort<D>(cluster: string, letter: string, settings: ScanSettings<D>): string {
  const name = splitOnce(cluster, '=')[0];
  const hint = Object.hasOwn(settings.options, name) ? ` (long options have two dashes: --${name})` : '';
  return `${settings.command} has no option -${letter} that Flotilla understands${hint}`;
}

interface Application<D> {
  option: DockerOption<D>;
  shown: string;
  glued: string | undefined;
  queue: string[];
  settings: ScanSettings<D>;
  scan: Scan;
}

function applyOption<D>({ option, shown, glued, queue, settings, scan }: Application<D>): void {
  const value = glued ?? (option.flag ? 'true' : queue.shift());
  if (value === undefined) {
    scan.problems.push(`${settings.command}: ${shown} needs a value`);
    return;
  }
  if (settings.skipVariables && hasVariable(value)) {
    scan.incomplete = true;
    return;
  }
  const problem = option.apply(settings.draft, value);
  if (problem !== undefined) scan.problems.push(`${settings.command}: ${shown}: ${problem}`);
}

/** `a=b=c` at the first `=`: `['a', 'b=c']`; without one the second part is undefined. */
export function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** What is under that key, put there when nothing is. */
export function ensure<T, K extends keyof T>(owner: T, key: K, empty: NonNullable<T[K]>): NonNullable<T[K]> {
  const value = owner[key] ?? empty;
  owner[key] = value;
  return value;
}

/** Makes the option of a value that cannot be wrong. */
export function textOption<D>(set: (draft: D, value: string) => void, short?: string): DockerOption<D> {
  const apply = (draft: D, value: string) => {
    set(draft, value);
    return undefined;
  };
  return short === undefined ? { apply } : { short, apply };
}

/** Makes an option of a value that `parse` reads; it answers null where the value is wrong. */
export function parsedOption<D, T>(
  parse: (text: string) => T | null,
  expected: string,
  set: (draft: D, value: T) => void,
  short?: string,
): DockerOption<D> {
  const apply = (draft: D, text: string) => {
    const value = parse(text);
    if (value === null) return `${JSON.stringify(text)} is not ${expected}`;
    set(draft, value);
    return undefined;
  };
  return short === undefined ? { apply } : { short, apply };
}

/** Makes a flag: `--rm`, `--rm=false`. */
export function flagOption<D>(set: (draft: D, value: boolean) => void, short?: string): DockerOption<D> {
  return { ...parsedOption(parseFlag, 'true or false', set, short), flag: true };
}

/** Makes an option that is understood and refused: the answer says why, and what to do instead. */
export function refusedOption<D>(why: string, options: { flag?: boolean; short?: string } = {}): DockerOption<D> {
  return { ...options, refused: why, apply: () => why };
}

/** The spellings that Go's strconv.ParseBool takes. */
export function parseFlag(text: string): boolean | null {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : null;
}
