/** How a command is run beside a unit, `flotilla exec`: a request, then frames both ways through a pipe (`pipe.ts`). */
export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Request on `flotilla.exec.<machine>`. */
export interface ExecRequest {
  unit: string;
  argv: string[];
  /** The command gets a terminal of this size and kind (`$TERM`); null: it gets none. */
  tty: (TerminalSize & { term: string }) | null;
  /** Something may come on its standard input. */
  interactive: boolean;
  /** Who asks, for the log: `user@host`. */
  by: string;
  /** Where the asker's end of the pipe listens. */
  replyTo: string;
}

/** `ok`: it runs, and `input` is where the node's end of the pipe listens. */
export type ExecReply = { ok: true; input: string } | { ok: false; message: string };

/** From the asker. `data` is base64. */
export type ExecInput =
  | { type: 'data'; data: string }
  | { type: 'eof' }
  | ({ type: 'resize' } & TerminalSize)
  | { type: 'signal'; name: string };

/** From the node: the output, and at last how it ended. `data` is base64. */
export type ExecOutput =
  | { type: 'data'; stream: 'out' | 'err'; data: string }
  | { type: 'exit'; code: number }
  | { type: 'error'; message: string };

/** How often the asker shows that it is there; the node ends a command whose asker has been silent for four times as long. */
export const execAliveMs = 2_500;
/** As much of a stream stands in one frame, bytes. */
export const execFrameBytes = 32 * 1024;
