/** An error's message, and those of what caused it: fetch, for one, says why only there. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && !error.message.includes(error.cause.message)
    ? `${error.message}: ${describeError(error.cause)}`
    : error.message;
}
