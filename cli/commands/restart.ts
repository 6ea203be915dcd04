import { runOnKnown } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function restart(call: Invocation): Promise<number> {
  return runOnKnown(call, { type: 'RestartUnits', until: 'launched' });
}
