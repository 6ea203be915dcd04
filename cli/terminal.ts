/** The terminal, or whatever else the process's standard streams are, for a command that runs elsewhere. */
import { once } from 'node:events';
import type { TerminalSize } from '../shared/protocol/exec.ts';

export interface Terminal {
  /** Whether the standard input is a terminal. */
  readonly isTerminal: boolean;
  size(): TerminalSize;
  /** Every key goes through as it is typed, until {@link Terminal.restore}. */
  makeRaw(): void;
  restore(): void;
  onResize(listener: (size: TerminalSize) => void): void;
  /** Calls the listener instead of ending this process. */
  onSignal(listener: (name: NodeJS.Signals) => void): void;
  input(): AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. */
  write(stream: 'out' | 'err', data: Uint8Array): Promise<void>;
}

const forwarded: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];
const usualSize = { columns: 80, rows: 24 };

export function openTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  const size = () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : usualSize);
  return {
    isTerminal: stdin.isTTY === true,
    size,
    makeRaw: () => void (stdin.isTTY && stdin.setRawMode(true)),
    restore() {
      if (stdin.isTTY) stdin.setRawMode(false);
      // It would keep the process from ending.
      stdin.destroy();
    },
    onResize: (listener) => void stdout.on('resize', () => listener(size())),
    onSignal(listener) {
      for (const name of forwarded) process.on(name, () => listener(name));
    },
    input: () => stdin,
    async write(stream, data) {
      const target = stream === 'out' ? stdout : stderr;
      if (!target.write(data)) await once(target, 'drain');
    },
  };
}
