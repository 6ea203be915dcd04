import type { Model } from '../history.ts';

/** Registers, one a key, each with a value or none. */
export type RegisterInput =
  | { type: 'get'; key: string }
  | { type: 'put'; key: string; value: string }
  | { type: 'delete'; key: string }
  /** Writes `value` where `expected` is. */
  | { type: 'cas'; key: string; expected: string | null; value: string };

/** What a get read; whether a delete or a compare-and-set changed anything; true for a put. */
export type RegisterOutput = string | null | boolean;

interface Register {
  value: string | null;
}

export const registers: Model<Register, RegisterInput, RegisterOutput> = {
  initial: { value: null },
  keyOf: ({ value }) => JSON.stringify(value),
  partOf: ({ key }) => key,
  step(register, input, outcome) {
    const { output, after } = execute(register, input);
    return outcome === null || outcome.output === output ? after : null;
  },
};

/** What a register does: also the store of the tests that simulate one. */
export function execute(register: Register, input: RegisterInput): { output: RegisterOutput; after: Register } {
  switch (input.type) {
    case 'get':
      return { output: register.value, after: register };
    case 'put':
      return { output: true, after: { value: input.value } };
    case 'delete':
      return { output: register.value !== null, after: { value: null } };
    case 'cas': {
      const succeeds = register.value === input.expected;
      return { output: succeeds, after: succeeds ? { value: input.value } : register };
    }
  }
}
