/** What concurrent clients asked of a store and what they were told, as far as anybody outside can know it. */

/** One call of one client. */
export interface Operation<Input, Output> {
  /** Its client; a client has one operation at a time, and goes on under another number when it lost one. */
  process: number;
  /** When it was sent, ms of one monotonic clock for the whole history. */
  call: number;
  input: Input;
  /** Null: no answer came, or one that does not tell. It may have happened at any time after the call, or never. */
  outcome: Outcome<Output> | null;
}

export interface Outcome<Output> {
  /** When the answer was there, ms of the same clock. */
  at: number;
  output: Output;
}

export type History<Input, Output> = readonly Operation<Input, Output>[];

/** What a store of one kind would answer, one operation after the other. */
export interface Model<State extends object, Input, Output> {
  readonly initial: State;
  /** The state afterwards, or null where the store, being in `state`, would not have answered so. States are immutable. */
  step(state: State, input: Input, outcome: Outcome<Output> | null): State | null;
  /** Equal for states that answer everything equally. */
  keyOf(state: State): string;
  /**
   * Operations of different parts say nothing about one another, so a history is linearizable if each of its parts is
   * (locality: Herlihy and Wing, "Linearizability", 1990). Absent: there is one part.
   */
  partOf?(input: Input): string;
}
