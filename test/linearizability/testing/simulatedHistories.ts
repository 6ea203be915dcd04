/** Histories of stores that really are linearizable: every operation happens at one moment between its call and its answer. */
import fc from 'fast-check';
import type { Operation } from '../history.ts';
import { execute, type RegisterInput, type RegisterOutput } from '../models/register.ts';

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

interface Plan {
  input: RegisterInput;
  /** Each takes so many ticks. */
  pause: number;
  untilPoint: number;
  untilAnswer: number;
  answer: 'given' | 'lost' | 'never done';
}

const keys = ['a', 'b'];

const input: fc.Arbitrary<RegisterInput> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('get' as const), key: fc.constantFrom(...keys) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('put' as const), key: fc.constantFrom(...keys), value: value() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), key: fc.constantFrom(...keys) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('cas' as const),
      key: fc.constantFrom(...keys),
      expected: fc.option(value()),
      value: value(),
    }),
  },
);

/** Few, so that one write is taken for another. */
function value(): fc.Arbitrary<string> {
  return fc.constantFrom('1', '2', '3');
}

const plan: fc.Arbitrary<Plan> = fc.record({
  input,
  pause: fc.nat(4),
  untilPoint: fc.nat(6),
  untilAnswer: fc.nat(6),
  answer: fc.oneof(
    { weight: 8, arbitrary: fc.constant('given' as const) },
    { weight: 1, arbitrary: fc.constantFrom('lost' as const, 'never done' as const) },
  ),
});

/** @param options.mostEach so many operations of each client at most. */
export function linearizableHistories(options: {
  clients: number;
  mostEach: number;
}): fc.Arbitrary<RegisterOperation[]> {
  const clients = fc.array(fc.array(plan, { maxLength: options.mostEach }), { maxLength: options.clients });
  return clients.map((plans) => simulate(plans.flatMap(scheduleClient)));
}

interface Scheduled {
  process: number;
  input: RegisterInput;
  call: number;
  point: number;
  at: number;
  answer: Plan['answer'];
}

function scheduleClient(plans: Plan[], client: number): Scheduled[] {
  let now = 0;
  return plans.map(({ input, pause, untilPoint, untilAnswer, answer }) => {
    const call = now + pause;
    const point = call + untilPoint;
    const at = point + untilAnswer;
    now = at + 1;
    return { process: client, input, call, point, at, answer };
  });
}

function simulate(scheduled: Scheduled[]): RegisterOperation[] {
  const values = new Map(keys.map((key) => [key, { value: null as string | null }]));
  const inOrder = [...scheduled].sort((a, b) => a.point - b.point);
  return inOrder.map(({ process, input, call, at, answer }) => {
    if (answer === 'never done') return { process, call, input, outcome: null };
    const { output, after } = execute(values.get(input.key) ?? { value: null }, input);
    values.set(input.key, after);
    return { process, call, input, outcome: answer === 'lost' ? null : { at, output } };
  });
}
