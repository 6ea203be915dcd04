import { type Bytes, type LeaseId, noLease } from '../../../shared/domain/kv.ts';
import { compareBytes } from './bytes.ts';

/** etcd's: about 285 years ("Lease service"). */
export const maxTtlS = 9_000_000_000;
/** What a lease gets at least; etcd's with its default election timeout. */
export const minTtlS = 2;

const maxLease = 2n ** 63n - 1n;

interface Lease {
  readonly id: LeaseId;
  readonly ttlS: number;
  readonly keys: Set<Bytes>;
}

/** Which leases there are, and which keys hang on them. */
export class LeaseTable {
  readonly #leases = new Map<LeaseId, Lease>();

  has(lease: LeaseId): boolean {
    return this.#leases.has(lease);
  }

  /** There must be none of that number yet. */
  grant(id: LeaseId, ttlS: number): void {
    this.#leases.set(id, { id, ttlS, keys: new Set() });
  }

  /** Its keys are no longer attached; they are the caller's to delete. */
  remove(id: LeaseId): void {
    this.#leases.delete(id);
  }

  ttlOf(id: LeaseId): number | null {
    return this.#leases.get(id)?.ttlS ?? null;
  }

  /** Sorted, as the deletions of a lease that ends are. */
  keysOf(id: LeaseId): Bytes[] {
    return [...(this.#leases.get(id)?.keys ?? [])].sort(compareBytes);
  }

  /** Sorted by number. */
  all(): { lease: LeaseId; ttlS: number }[] {
    const leases = [...this.#leases.values()].map(({ id, ttlS }) => ({ lease: id, ttlS }));
    return leases.sort((a, b) => a.lease.length - b.lease.length || compareBytes(a.lease, b.lease));
  }

  /** The same number as the lease has it, so that a million keys share one string. */
  canonical(id: LeaseId | undefined): LeaseId {
    if (id === undefined || isNoLease(id)) return noLease;
    return this.#leases.get(id)?.id ?? id;
  }

  /** Moves the key from one lease to another; either may be none. */
  move(key: Bytes, from: LeaseId, to: LeaseId): void {
    if (from === to && from === noLease) return;
    this.#leases.get(from)?.keys.delete(key);
    this.#leases.get(to)?.keys.add(key);
  }
}

/** An int64 above 0, written as numbers are. Others cannot be told from each other, or from {@link noLease}. */
export function isLeaseId(id: LeaseId): boolean {
  return /^[1-9]\d{0,18}$/.test(id) && BigInt(id) <= maxLease;
}

/** Protobuf's absent number comes as an empty string from some. */
export function isNoLease(id: LeaseId | undefined): boolean {
  return id === undefined || id === noLease || id === '';
}

/** By number, negative ones too, which nothing has but comparisons may name. */
export function compareLeases(a: LeaseId, b: LeaseId): number {
  const difference = toNumber(a) - toNumber(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function toNumber(id: LeaseId): bigint {
  return /^-?\d+$/.test(id) ? BigInt(id) : 0n;
}
