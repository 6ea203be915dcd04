/** What was typed cannot be run: exit code 2. The message says what is wrong with it and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for was refused or did not work: exit code 1. */
export class FailureError extends Error {
  override readonly name = 'FailureError';
  /** Every single problem, where there are several; one line each. */
  readonly details: readonly string[];

  constructor(message: string, { details = [], cause }: { details?: readonly string[]; cause?: unknown } = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.details = details;
  }
}

export const exitCode = { done: 0, failed: 1, usage: 2 } as const;
