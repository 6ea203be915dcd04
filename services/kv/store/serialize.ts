import { type Bytes, noLease } from '../../../shared/domain/kv.ts';
import type { AuthContent } from './authState.ts';
import { ByteWriter } from './byteWriter.ts';
import type { Keyspace } from './keyspace.ts';
import { formatVersion } from './snapshotFormat.ts';
import type { State } from './state.ts';
import { isTombstone, type Version } from './version.ts';
import { keptVersions, newest, type Versions } from './versions.ts';

/** A few milliseconds' work, and small enough for any object store. */
const chunkSize = 256 * 1024;
/** Keys that are looked up at a time. */
const batchSize = 256;

interface Batch {
  /** The versions of each. */
  keys: Version[][];
  /** Where the next one begins; null: there is none. */
  next: Bytes | null;
}

/** What of the keys belongs to the snapshot, fixed when it begins. */
interface Cut {
  readonly revision: number;
  readonly compactRevision: number;
  /** The positions of its changes. */
  readonly from: number;
  readonly to: number;
}

/**
 * The state as it is when the first chunk is taken, in chunks of one size. Until the iteration ends, or is ended by `return`,
 * compactions give no memory back.
 */
export function* serialize(state: State): Generator<Uint8Array, void, void> {
  const { keyspace } = state;
  const unpin = keyspace.pin();
  try {
    const writer = new ByteWriter(chunkSize);
    const cut = cutOf(keyspace);
    writeHead(writer, state, cut);
    yield* writer.takeFull();
    for (let from: Bytes | null = ''; from !== null; ) {
      const batch: Batch = batchOf(keyspace, cut, from);
      for (const versions of batch.keys) yield* writeKey(writer, cut, versions);
      from = batch.next;
    }
    // No key has no versions: it ends here.
    writer.number(0);
    yield* writer.takeFull();
    yield writer.takeRest();
  } finally {
    unpin();
  }
}

function cutOf({ revision, compactRevision, history }: Keyspace): Cut {
  return { revision, compactRevision, from: history.seek(compactRevision), to: history.end };
}

function writeHead(writer: ByteWriter, { leases, alarms, auth }: State, cut: Cut): void {
  writer.number(formatVersion);
  writer.number(cut.revision);
  writer.number(cut.compactRevision);
  writer.number(cut.to - cut.from);
  writeAll(writer, leases.all(), ({ lease, ttlS }) => {
    writer.bytes(lease);
    writer.number(ttlS);
  });
  writeAll(writer, alarms.all, ({ alarm, member }) => {
    writer.bytes(alarm);
    writer.text(member);
  });
  writeAuth(writer, auth.content());
}

function writeAuth(writer: ByteWriter, content: AuthContent): void {
  writer.number(content.enabled ? 1 : 0);
  writer.number(content.revision);
  writer.text(content.tokenKey);
  writeAll(writer, content.users, ({ name, password, roles }) => {
    writer.text(name);
    writer.number(password === undefined ? 0 : 1);
    writer.text(password ?? '');
    writeAll(writer, roles, (role) => writer.text(role));
  });
  writeAll(writer, content.roles, ({ name, permissions }) => {
    writer.text(name);
    writeAll(writer, permissions, ({ access, key, rangeEnd }) => {
      writer.bytes(access);
      writer.bytes(key);
      writer.bytes(rangeEnd ?? '');
    });
  });
}

function writeAll<T>(writer: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  writer.number(items.length);
  for (const item of items) write(item);
}

/** Copies: the store goes on changing between chunks. */
function batchOf(keyspace: Keyspace, cut: Cut, from: Bytes): Batch {
  const batch: Batch = { keys: [], next: null };
  let visited = 0;
  keyspace.scanVersions({ from, to: null }, (all) => {
    if (++visited > batchSize) {
      batch.next = newest(all).key;
      return false;
    }
    const versions = versionsInCut(all, cut);
    if (versions.length > 0) batch.keys.push(versions);
    return true;
  });
  return batch;
}

function versionsInCut(versions: Versions, { revision, compactRevision }: Cut): Version[] {
  const kept = keptVersions(versions, compactRevision);
  const isWhole = kept.length === 0 || (kept[kept.length - 1] as Version).modRevision <= revision;
  return isWhole ? [...kept] : kept.filter(({ modRevision }) => modRevision <= revision);
}

function* writeKey(writer: ByteWriter, cut: Cut, versions: readonly Version[]): Generator<Uint8Array, void, void> {
  writer.number(versions.length);
  writer.bytes(versions[0]?.key ?? '');
  for (const version of versions) {
    writeVersion(writer, cut, version);
    if (writer.hasFull) yield* writer.takeFull();
  }
}

function writeVersion(writer: ByteWriter, cut: Cut, version: Version): void {
  writer.number(version.version);
  writer.number(version.modRevision);
  if (version.modRevision >= cut.compactRevision) writer.number(version.position - cut.from);
  if (isTombstone(version)) return;
  writer.number(version.createRevision);
  // Most keys have none; nothing is quicker to read than no bytes.
  writer.bytes(version.lease === noLease ? '' : version.lease);
  writer.bytes(version.value);
}
