import { runBringing } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function load(call: Invocation): Promise<number> {
  return runBringing(call, { type: 'LoadUnits', until: 'loaded' });
}
