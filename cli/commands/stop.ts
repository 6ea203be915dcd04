import { runOnKnown } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function stop(call: Invocation): Promise<number> {
  return runOnKnown(call, { type: 'StopUnits', until: 'loaded' });
}
