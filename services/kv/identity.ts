/** Who is who among the stores, as etcd's clients want it: unsigned 64-bit numbers, in decimal. */
import { createHash } from 'node:crypto';

/** Made of a store's name: the same at each of its starts. */
export function memberId(name: string): string {
  return numberOf(`member ${name}`);
}

/** Made of the cluster's id, '' before there is one. */
export function clusterId(cluster: string): string {
  return numberOf(`cluster ${cluster}`);
}

/** A candidate for leadership: another one at each start, so that no message of an earlier one is taken for its own. */
export function candidateId(name: string, nonce: string): string {
  return `${name}/${nonce}`;
}

/** The store that a candidate belongs to. */
export function memberIdOf(candidate: string): string {
  return memberId(candidate.slice(0, candidate.lastIndexOf('/')));
}

/** Never 0, which stands for nobody. */
function numberOf(text: string): string {
  return String(createHash('sha256').update(text).digest().readBigUInt64BE() || 1n);
}
