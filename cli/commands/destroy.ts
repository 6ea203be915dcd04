import { runOnKnown } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function destroy(call: Invocation): Promise<number> {
  return runOnKnown(call, { type: 'DestroyUnits', until: 'gone' });
}
