import { version as flotillaVersion } from '../../shared/version.ts';
import { exitCode } from '../errors.ts';
import type { Invocation } from '../verb.ts';

export async function version({ io }: Invocation): Promise<number> {
  io.out(`flotilla ${flotillaVersion}`);
  return exitCode.done;
}
