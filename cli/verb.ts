import type { Io } from './io.ts';
import type { Options } from './options.ts';

/** One verb of the command line: what the parser, the help and the start-up need to know of it. */
export interface Verb {
  /** One word, or a group's and its own: `kv lease grant`. */
  name: string;
  /** As the parser takes them: `<key> [value]`, `<...units>`, or nothing. */
  args: string;
  /** An empty argument means something: every key begins with it. */
  takesEmpty?: true;
  group: VerbGroup;
  summary: string;
  options: readonly VerbOption[];
  examples: readonly string[];
  /** Loads the command's own module, so that no verb pays for what another one needs. */
  load: () => Promise<Run>;
}

export const verbGroups = ['Cluster', 'Units', 'Looking', 'History', 'Store', 'Services', 'Help'] as const;
export type VerbGroup = (typeof verbGroups)[number];

/** `-n, --lines <count>` and what it is for. */
export type VerbOption = readonly [flags: string, description: string];

/** One call of a verb. */
export interface Invocation {
  args: readonly string[];
  options: Options;
  io: Io;
  /** Makes the maker of ids (nanoid). */
  loadIds: () => Promise<() => string>;
}

/**
 * Does what was asked for; resolves with the exit code.
 * @throws {UsageError | FailureError}
 */
export type Run = (call: Invocation) => Promise<number>;
