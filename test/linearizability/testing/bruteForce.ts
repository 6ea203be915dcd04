import type { History, Model, Operation } from '../history.ts';

/**
 * The definition of linearizability, tried on every order of every choice of the unanswered operations, all parts
 * together: exponential, and too simple to be wrong.
 */
export function isLinearizableByBruteForce<State extends object, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): boolean {
  return orderExists(model, new Map(), [...history]);
}

function orderExists<State extends object, Input, Output>(
  model: Model<State, Input, Output>,
  states: ReadonlyMap<string, State>,
  rest: Operation<Input, Output>[],
): boolean {
  if (rest.every(({ outcome }) => outcome === null)) return true;
  return rest.some((operation) => {
    const others = rest.filter((other) => other !== operation);
    if (others.some(({ outcome }) => outcome !== null && outcome.at < operation.call)) return false;
    const part = model.partOf?.(operation.input) ?? '';
    const after = model.step(states.get(part) ?? model.initial, operation.input, operation.outcome);
    return after !== null && orderExists(model, new Map(states).set(part, after), others);
  });
}
