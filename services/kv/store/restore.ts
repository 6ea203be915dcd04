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

/** The most elements that an array can have. */
const maxChanges = 2 ** 32 - 1;

function readKeys(reader: ByteReader, head: KeysHead): KeyspaceContent {
  if (head.changes > maxChanges) throw new SnapshotError(`${head.changes} changes are more than a store can have.`);
  const keys = new KeysReader(reader, head);
  keys.read();
  return keys.content;
}

class KeysReader {
  readonly content: KeyspaceContent;
  readonly #reader: ByteReader;
  readonly #leaseIds = new Map<LeaseId, LeaseId>();
  #missing: number;

  constructor(reader: ByteReader, { revision, compactRevision, changes }: KeysHead) {
    this.#reader = reader;
    this.#missing = changes;
    this.content = {
      revision,
      compactRevision,
      versions: [],
      // They come in the order of the keys; arrays that grow at random places would become slow tables.
      changes: new Array(changes),
      replaced: new Array(changes),
    };
  }

  read(): void {
    let last = '';
    for (let count = this.#reader.number(); count > 0; count = this.#reader.number()) {
      const key = this.#reader.bytes();
      if (key <= last) throw new SnapshotError('The keys of the snapshot are not in order.');
      this.content.versions.push(this.#versions(key, count));
      last = key;
    }
    if (this.#missing > 0) throw new SnapshotError(`${this.#missing} changes of the snapshot are missing.`);
  }

  #versions(key: Bytes, count: number): Versions {
    let last = this.#version(key, null);
    if (count === 1) return last;
    const versions = [last];
    while (versions.length < count) {
      last = this.#version(key, last);
      versions.push(last);
    }
    return versions;
  }

  #version(key: Bytes, replaced: Version | null): Version {
    const number = this.#reader.number();
    const modRevision = this.#reader.number();
    const isChange = modRevision >= this.content.compactRevision;
    const position = isChange ? this.#reader.number() : 0;
    const version =
      number === 0 ? tombstone(key, modRevision, position) : this.#put(key, modRevision, position, number);
    if (isChange) this.#addChange(version, replaced);
    return version;
  }

  #put(key: Bytes, modRevision: number, position: number, version: number): Version {
    const createRevision = this.#reader.number();
    const lease = this.#shared(this.#reader.bytes());
    return new Version(key, this.#reader.bytes(), createRevision, modRevision, position, version, lease);
  }

  #addChange(version: Version, replaced: Version | null): void {
    const { changes } = this.content;
    if (version.position >= changes.length || changes[version.position] !== undefined) {
      throw new SnapshotError(`A change of the snapshot cannot have place ${version.position}.`);
    }
    changes[version.position] = version;
    this.content.replaced[version.position] = replaced;
    this.#missing--;
  }

  /** One string for all keys that say the same. */
  #shared(lease: LeaseId): LeaseId {
    if (lease === '') return noLease;
    const known = this.#leaseIds.get(lease);
    if (known === undefined) this.#leaseIds.set(lease, lease);
    return known ?? lease;
  }
}

function attachKeys(leases: LeaseTable, all: readonly Versions[]): void {
  for (const versions of all) {
    const live = current(versions);
    if (live !== null) leases.move(live.key, noLease, live.lease);
  }
}
