import { findServiceEndpoint } from '../endpoint.ts';
import type { Invocation } from '../verb.ts';

const mostReplicas = 5;

/** Runs a scheduler in this process until it is told to stop. */
export async function scheduler({ options, io }: Invocation): Promise<number> {
  const endpoint = await findServiceEndpoint(options, io.env);
  const replicas = options.count('replicas', { min: 1, max: mostReplicas });
  const { main } = await import('../../services/scheduler/main.ts');
  return main({ ...endpoint, ...(replicas === undefined ? {} : { replicas }) });
}
