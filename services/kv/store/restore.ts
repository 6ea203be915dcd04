import { type AlarmKind, type Bytes, type LeaseId, noLease, type Permission } from '../../../shared/domain/kv.ts';
import { AlarmTable } from './alarmTable.ts';
import { type AuthContent, AuthState } from './authState.ts';
import { ByteReader, SnapshotError } from './byteReader.ts';
import { Keyspace, type KeyspaceContent } from './keyspace.ts';
import { LeaseTable } from './leaseTable.ts';
import { formatVersion } from './snapshotFormat.ts';
import type { State } from './state.ts';
import { tombstone, Version } from './version.ts';
import { current, type Versions } from './versions.ts';

/**
 * The state that a snapshot was made of.
 * @throws {SnapshotError} when it is damaged, or of a version that this program does not know.
 */
export function restoreState(chunks: Iterable<Uint8Array>): State {
  const reader = new ByteReader(chunks);
  const version = reader.number();
  if (version !== formatVersion) throw new SnapshotError(`Snapshots of version ${version} cannot be read.`);
  const revision = reader.number();
  const compactRevision = reader.number();
  const changes = reader.number();
  const leases = readLeases(reader);
  const alarms = readAlarms(reader);
  const auth = AuthState.restore(readAuth(reader));
  const content = readKeys(reader, { revision, compactRevision, changes });
  reader.end();
  attachKeys(leases, content.versions);
  return { keyspace: Keyspace.restore(content), leases, alarms, auth };
}

function readLeases(reader: ByteReader): LeaseTable {
  const leases = new LeaseTable();
  for (let missing = reader.number(); missing > 0; missing--) leases.grant(reader.bytes(), reader.number());
  return leases;
}

function readAlarms(reader: ByteReader): AlarmTable {
  const alarms = new AlarmTable();
  readAll(reader, () => alarms.activate({ alarm: reader.bytes() as AlarmKind, member: reader.text() }));
  return alarms;
}

function readAuth(reader: ByteReader): AuthContent {
  const enabled = reader.number() === 1;
  const revision = reader.number();
  const tokenKey = reader.text();
  const users = readAll(reader, () => {
    const name = reader.text();
    const hasPassword = reader.number() === 1;
    const password = reader.text();
    return { name, password: hasPassword ? password : undefined, roles: readAll(reader, () => reader.text()) };
  });
  const roles = readAll(reader, () => ({
    name: reader.text(),
    permissions: readAll(reader, () => readPermission(reader)),
  }));
  return { enabled, revision, tokenKey, users, roles };
}

function readPermission(reader: ByteReader): Permission {
  const access = reader.bytes() as Permission['access'];
  const key = reader.bytes();
  const rangeEnd = reader.bytes();
  return rangeEnd === '' ? { access, key } : { access, key, rangeEnd };
}

function readAll<T>(reader: ByteReader, read: () => T): T[] {
  const items: T[] = [];
  for (let missing = reader.number(); missing > 0; missing--) items.push(read());
  return items;
}

interface KeysHead {
  revision: number;
  compactRevision: number;
  changes: number;
}

function readKeys(reader: ByteReader, { revision, compactRevision, changes }: KeysHead): KeyspaceContent {
  const content: KeyspaceContent = {
    revision,
    compactRevision,
    versions: [],
    // They come in the order of the keys; arrays that grow at random places would become slow tables.
    changes: new Array(changes),
    replaced: new Array(changes),
  };
  const leaseIds = new Map<LeaseId, LeaseId>();
  for (let count = reader.number(); count > 0; count = reader.number()) {
    const key = reader.bytes();
    const versions = readVersions(reader, content, leaseIds, key, count);
    content.versions.push(versions);
  }
  checkChanges(content, changes);
  return content;
}

function readVersions(
  reader: ByteReader,
  content: KeyspaceContent,
  leaseIds: Map<LeaseId, LeaseId>,
  key: Bytes,
  count: number,
): Versions {
  let last = readVersion(reader, content, leaseIds, key, null);
  if (count === 1) return last;
  const versions = [last];
  while (versions.length < count) {
    last = readVersion(reader, content, leaseIds, key, last);
    versions.push(last);
  }
  return versions;
}

function readVersion(
  reader: ByteReader,
  content: KeyspaceContent,
  leaseIds: Map<LeaseId, LeaseId>,
  key: Bytes,
  replaced: Version | null,
): Version {
  const number = reader.number();
  const modRevision = reader.number();
  const position = modRevision >= content.compactRevision ? reader.number() : -1;
  const version =
    number === 0
      ? tombstone(key, modRevision, position)
      : readPut(reader, leaseIds, key, modRevision, position, number);
  if (position >= 0) {
    content.changes[position] = version;
    content.replaced[position] = replaced;
  }
  return version;
}

function readPut(
  reader: ByteReader,
  leaseIds: Map<LeaseId, LeaseId>,
  key: Bytes,
  modRevision: number,
  position: number,
  version: number,
): Version {
  const createRevision = reader.number();
  const lease = shared(leaseIds, reader.bytes());
  return new Version(key, reader.bytes(), createRevision, modRevision, position, version, lease);
}

/** One string for all keys that say the same. */
function shared(leaseIds: Map<LeaseId, LeaseId>, lease: LeaseId): LeaseId {
  const known = leaseIds.get(lease);
  if (known === undefined) leaseIds.set(lease, lease);
  return known ?? lease;
}

function checkChanges({ changes }: KeyspaceContent, expected: number): void {
  let present = 0;
  for (const change of changes) if (change !== undefined) present++;
  if (present !== expected || changes.length !== expected) {
    throw new SnapshotError(`Of ${expected} changes the snapshot has ${present}.`);
  }
}

function attachKeys(leases: LeaseTable, all: readonly Versions[]): void {
  for (const versions of all) {
    const live = current(versions);
    if (live !== null) leases.move(live.key, noLease, live.lease);
  }
}
