import { runOnKnown } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function unload(call: Invocation): Promise<number> {
  return runOnKnown(call, { type: 'UnloadUnits', until: 'inactive' });
}
