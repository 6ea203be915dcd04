import { runBringing } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

/** A unit is known as soon as the command is accepted: there is nothing to wait for. */
export function submit(call: Invocation): Promise<number> {
  return runBringing(call, { type: 'SubmitUnits', until: null });
}
