import { UsageError } from '../errors.ts';
import type { Invocation } from '../verb.ts';

/** Stands in for the agent of a node where leases are not renewed. */
export async function leaseGuard({ options }: Invocation): Promise<number> {
  const directory = options.text('dir');
  if (directory === undefined) throw new UsageError("lease-guard needs the node's directory: --dir <dir>");
  const dockerSocket = options.text('dockerSocket');
  const { main } = await import('../../services/node/guard/main.ts');
  return main({ directory, ...(dockerSocket === undefined ? {} : { dockerSocket }) });
}
