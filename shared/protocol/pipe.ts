/** What the two ends of a pipe say to each other: `shared/bus/pipe.ts`. */
export type PipeMessage<Frame> =
  /** The n-th frame, from 1. */
  | { n: number; frame: Frame }
  /** The other end has dealt with so many. */
  | { took: number }
  /** Asked now and then, as a request: whether the other end is there, which is also told thereby. */
  | { alive: true };
