/**
 * The argument parser turns whatever looks like a number into one: a machine id of 32 digits would be rounded, a unit
 * called `1e3.5` renamed. So such arguments carry a mark while they pass through it. A NUL can be in no argument
 * (execve(2)), so nothing that was typed can be taken for the mark.
 */
const mark = '\0';

/** Arguments that the parser leaves as they are. What follows `--` is no option, whatever it looks like. */
export function shield(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  const operands = end < 0 ? [] : args.slice(end + 1);
  return [...joinMoments(options).flatMap(shieldOne), ...operands.map((operand) => mark + operand)];
}

/** `--since -1h` as journalctl(1) takes it: what follows is a moment, whatever it looks like. */
function joinMoments(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const before = args[i - 1];
    if (before !== undefined && isMoment(before) && arg.startsWith('-')) return [];
    const next = args[i + 1];
    return isMoment(arg) && next?.startsWith('-') ? [`${arg}=${next}`] : [arg];
  });
}

const isMoment = (arg: string) => arg === '--since' || arg === '--until';

function shieldOne(arg: string): string[] {
  // A count may stand right at its letter, as journalctl(1) has it: -n20.
  const count = /^-n(\d+)$/.exec(arg);
  if (count) return ['-n', `${mark}${count[1]}`];
  const withValue = /^(--[^=]+=)(.*)$/s.exec(arg);
  if (withValue) return [`${withValue[1]}${mark}${withValue[2]}`];
  const isOption = arg.startsWith('-') && arg !== '-';
  return [!isOption && (arg === '-' || !Number.isNaN(Number(arg))) ? mark + arg : arg];
}

/** Takes the marks off again, anywhere in what the parser made of the arguments. */
export function unshield<T>(value: T): T;
export function unshield(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(mark) ? value.slice(mark.length) : value;
  return Array.isArray(value) ? value.map((item) => unshield(item)) : value;
}
