import { exitCode } from '../errors.ts';
import { findVerb, renderGroupHelp, renderHelp, renderVerbHelp } from '../help.ts';
import type { Invocation } from '../verb.ts';
import { isGroup } from '../verbWords.ts';

export async function help({ args, io }: Invocation): Promise<number> {
  io.out(helpOn(args.join(' ')));
  return exitCode.done;
}

/** @throws {UsageError} there is no such verb. */
function helpOn(name: string): string {
  if (name === '') return renderHelp();
  return isGroup(name) ? renderGroupHelp(name) : renderVerbHelp(findVerb(name));
}
