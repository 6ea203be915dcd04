import { createHash } from 'node:crypto';
import type { ClusterState } from '../domain/clusterState.ts';
import { serializeState } from '../domain/serializeState.ts';

/** SHA-256 (hex) of the state's canonical bytes: equal for equal histories, on every machine. */
export function hashState(state: ClusterState): string {
  return createHash('sha256').update(serializeState(state)).digest('hex');
}
