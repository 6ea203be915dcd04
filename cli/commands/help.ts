import { exitCode } from '../errors.ts';
import { findVerb, renderHelp, renderVerbHelp } from '../help.ts';
import type { Invocation } from '../verb.ts';

export async function help({ args: [name], io }: Invocation): Promise<number> {
  io.out(name === undefined ? renderHelp() : renderVerbHelp(findVerb(name)));
  return exitCode.done;
}
