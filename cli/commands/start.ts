import { runBringing } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function start(call: Invocation): Promise<number> {
  return runBringing(call, { type: 'StartUnits', until: 'launched' });
}
