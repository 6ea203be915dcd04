import { runOnKnown } from '../unitCommands.ts';
import type { Invocation } from '../verb.ts';

export function reload(call: Invocation): Promise<number> {
  return runOnKnown(call, { type: 'ReloadUnits', until: 'launched' });
}
