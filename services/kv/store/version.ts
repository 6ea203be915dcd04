import { type Bytes, type KeyValue, type LeaseId, noLease } from '../../../shared/domain/kv.ts';
import { hashBytes, hashNumber } from './bytes.ts';

/**
 * One change of one key. There may be millions, so it is a class with few fields that are always the same, and nothing in it
 * that can be computed.
 */
export class Version {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Where it stands in the history; of no meaning once a compaction has passed it. */
  readonly position: number;
  /** 0: a tombstone. */
  readonly version: number;
  readonly lease: LeaseId;

  constructor(
    key: Bytes,
    value: Bytes,
    createRevision: number,
    modRevision: number,
    position: number,
    version: number,
    lease: LeaseId,
  ) {
    this.key = key;
    this.value = value;
    this.createRevision = createRevision;
    this.modRevision = modRevision;
    this.position = position;
    this.version = version;
    this.lease = lease;
  }
}

export function tombstone(key: Bytes, modRevision: number, position: number): Version {
  return new Version(key, '', 0, modRevision, position, 0, noLease);
}

export function isTombstone(version: Version): boolean {
  return version.version === 0;
}

/** What clients see of it; for a tombstone as etcd has it in a watch's events. */
export function toKeyValue({ key, value, createRevision, modRevision, version, lease }: Version): KeyValue {
  return { key, value, createRevision, modRevision, version, lease };
}

/** What counts against the store's quota: a tombstone has no value, but its key. */
export function sizeOf(version: Version): number {
  return version.key.length + version.value.length;
}

/** 32 bits, signed, of all that clients can see of it. */
export function hashOf(version: Version): number {
  let hash = hashBytes(version.value, hashBytes(version.key, 0x811c9dc5));
  hash = hashNumber(version.createRevision, hash);
  hash = hashNumber(version.modRevision, hash);
  hash = hashNumber(version.version, hash);
  return hashBytes(version.lease, hash);
}
