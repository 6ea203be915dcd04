/**
 * The port to forgetting the beginning of a log, for who keeps what followed from it elsewhere. `jetStreamRetention.ts`
 * is the real one; `memoryLog.ts` its twin.
 */
export interface LogRetention {
  /**
   * Removes every message before `seq`, for good. The message at `seq` stays, so that appends can name it.
   * @throws {LogUnavailableError}
   */
  forgetBefore(seq: number): Promise<void>;
}
