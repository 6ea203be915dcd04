import type { Operation } from '../history.ts';
import type { Answer } from './kvClient.ts';

/** Keeps what each operation was told, with the times between which it must have happened. */
export interface Recorder<Input, Output> {
  readonly operations: Operation<Input, Output>[];
  /** Refused ones are left out: they must not have happened. */
  readonly refused: number;
  run(process: number, input: Input, ask: () => Promise<Answer<Output>>): Promise<Answer<Output>>;
  /** Something that nobody asks for, and nobody is told of, may happen from `time` on. */
  mayHappen(input: Input, time: number): void;
}

const nobody = -1;

/**
 * @param options.now one monotonic clock for all clients, ms.
 * @param options.hasEffect an operation without one is left out where its answer is lost: it says nothing.
 */
export function createRecorder<Input, Output>({
  now,
  hasEffect,
}: {
  now: () => number;
  hasEffect: (input: Input) => boolean;
}): Recorder<Input, Output> {
  const operations: Operation<Input, Output>[] = [];
  let refused = 0;
  return {
    operations,
    get refused() {
      return refused;
    },
    async run(process, input, ask) {
      const call = now();
      const answer = await ask();
      const operation = { process, call, input };
      if (answer.kind === 'refused') refused++;
      else if (answer.kind === 'done') operations.push({ ...operation, outcome: { at: now(), output: answer.output } });
      else if (hasEffect(input)) operations.push({ ...operation, outcome: null });
      return answer;
    },
    mayHappen: (input, time) => void operations.push({ process: nobody, call: time, input, outcome: null }),
  };
}
