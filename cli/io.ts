/** What a command sees of the world around it: its output, the terminal, the environment. */
export interface Io {
  /** A line of the result. */
  out(line: string): void;
  /** A part of the result as it is, without a line's end: text, or any bytes. */
  write(text: string | Uint8Array): void;
  /** Everything that comes on the standard input. */
  read(): Promise<Uint8Array>;
  /** A line about what is going on, or went wrong. */
  err(line: string): void;
  /**
   * Shows what is being waited for, in place, where somebody watches; null takes it away. Elsewhere it is said now and then
   * in a line of its own, so that nothing is silent for long.
   */
  progress(line: string | null): void;
  /** Width of the terminal that the result goes to; null when it goes to a pipe or a file. */
  readonly columns: number | null;
  /** Whether the result may be coloured. */
  readonly colour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How long a wait may be silent where nobody watches. */
const silenceMs = 10_000;
const clearLine = '\r\u001b[K';

/** The process's own streams and environment. */
export function createProcessIo(): Io {
  const { stdout, stderr, env } = process;
  let shown = false;
  let saidAt = performance.now();
  const hide = () => {
    if (shown) stderr.write(clearLine);
    shown = false;
  };
  const sayNowAndThen = (line: string) => {
    if (performance.now() - saidAt < silenceMs) return;
    saidAt = performance.now();
    stderr.write(`${line}\n`);
  };
  const write = (text: string | Uint8Array) => {
    hide();
    stdout.write(text);
  };
  return {
    out: (line) => write(`${line}\n`),
    write,
    read: () => readAll(process.stdin),
    err: (line) => {
      hide();
      stderr.write(`${line}\n`);
    },
    progress: (line) => {
      hide();
      if (line === null) return;
      if (!stderr.isTTY) return sayNowAndThen(line);
      stderr.write(line.slice(0, (stderr.columns || 80) - 1));
      shown = true;
    },
    columns: stdout.isTTY ? stdout.columns || 80 : null,
    colour: wantsColour(env, stdout.isTTY === true),
    env,
  };
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** https://no-color.org, and its counterpart https://force-color.org. */
export function wantsColour(env: Io['env'], isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}
