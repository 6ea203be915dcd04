/** Answers to heartbeats that take no longer than this are prompt, ms: there is nothing to tell of them, and nothing to allow. */
export const promptAnswerMs = 100;
