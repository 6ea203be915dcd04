/**
 * What may be asked of the key/value store, and what it answers: etcd v3's requests and responses (api-v3, "KV service",
 * "Lease service") in the shape that travels on the log and over NATS. Types alone; the rules are in `services/kv/store`.
 */

/**
 * Bytes, one char for each (U+0000 to U+00FF). Such strings compare, slice and hash as the bytes do, and V8 keeps them
 * in one byte a char.
 */
export type Bytes = string;

/** An int64 in decimal; JSON's numbers are too short for it. */
export type LeaseId = string;

/** What a key without a lease has, and a grant that leaves the choice to the store. */
export const noLease: LeaseId = '0';

export interface KeyValue {
  key: Bytes;
  value: Bytes;
  createRevision: number;
  modRevision: number;
  /** How often it was put since it was created; 1 on creation. */
  version: number;
  lease: LeaseId;
}

/** One key, or with `rangeEnd` all keys in [key, rangeEnd); `rangeEnd` `\0` is every key from `key` on. */
export interface KeyRange {
  key: Bytes;
  rangeEnd?: Bytes;
}

export interface RangeRequest extends KeyRange {
  /** 0 or absent: no limit. */
  limit?: number;
  /** 0, negative or absent: now. */
  revision?: number;
  sortTarget?: SortTarget;
  sortOrder?: 'none' | 'ascend' | 'descend';
  keysOnly?: boolean;
  countOnly?: boolean;
  minModRevision?: number;
  maxModRevision?: number;
  minCreateRevision?: number;
  maxCreateRevision?: number;
}

export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

export interface RangeResponse {
  kvs: KeyValue[];
  /** Of the whole range, whatever the limit. */
  count: number;
  /** The limit cut something off. */
  more: boolean;
}

export interface PutRequest {
  key: Bytes;
  value: Bytes;
  lease?: LeaseId;
  prevKv?: boolean;
  /** Keep the value, or the lease, that the key has. */
  ignoreValue?: boolean;
  ignoreLease?: boolean;
}

export interface PutResponse {
  prevKv?: KeyValue;
}

export interface DeleteRangeRequest extends KeyRange {
  prevKv?: boolean;
}

export interface DeleteRangeResponse {
  deleted: number;
  prevKvs: KeyValue[];
}

export type Compare = KeyRange & { result: 'equal' | 'greater' | 'less' | 'not-equal' } & (
    | { target: 'version' | 'create' | 'mod'; number: number }
    | { target: 'value'; value: Bytes }
    | { target: 'lease'; lease: LeaseId }
  );

export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}

export type RequestOp =
  | ({ type: 'Range' } & RangeRequest)
  | ({ type: 'Put' } & PutRequest)
  | ({ type: 'DeleteRange' } & DeleteRangeRequest)
  | ({ type: 'Txn' } & TxnRequest);

export interface TxnResponse {
  succeeded: boolean;
  responses: ResponseOp[];
}

export type ResponseOp =
  | ({ type: 'Range' } & RangeResponse)
  | ({ type: 'Put' } & PutResponse)
  | ({ type: 'DeleteRange' } & DeleteRangeResponse)
  | ({ type: 'Txn' } & TxnResponse);

export interface Permission extends KeyRange {
  access: 'read' | 'write' | 'readwrite';
}

export type AlarmKind = 'NOSPACE' | 'CORRUPT';

/** What is written to the log: executed in its order, each has the same outcome on every replica. */
export type KvCommand = (
  | ({ type: 'Put' } & PutRequest)
  | ({ type: 'DeleteRange' } & DeleteRangeRequest)
  | ({ type: 'Txn' } & TxnRequest)
  | { type: 'Compact'; revision: number }
  /** `lease` is never {@link noLease} here: the leader has chosen one. */
  | { type: 'LeaseGrant'; lease: LeaseId; ttlS: number }
  | { type: 'LeaseRevoke'; lease: LeaseId }
  /** The leader's own: nobody has renewed it in time. */
  | { type: 'LeaseExpire'; lease: LeaseId }
  | { type: 'AlarmActivate'; alarm: AlarmKind; member: string }
  | { type: 'AlarmDeactivate'; alarm: AlarmKind; member: string }
  | AuthCommand
) & {
  /** Who asks, where authentication is on: what the user may not do is refused. */
  user?: string;
};

export type AuthCommand =
  /** `tokenKey`: what the replicas sign tokens with, hex. */
  | { type: 'AuthEnable'; tokenKey: string }
  | { type: 'AuthDisable' }
  /** `password` is a salted hash; absent: the user cannot log in by password. */
  | { type: 'UserAdd'; name: string; password?: string }
  | { type: 'UserDelete'; name: string }
  | { type: 'UserChangePassword'; name: string; password: string }
  | { type: 'UserGrantRole'; name: string; role: string }
  | { type: 'UserRevokeRole'; name: string; role: string }
  | { type: 'RoleAdd'; name: string }
  | { type: 'RoleDelete'; name: string }
  | { type: 'RoleGrantPermission'; name: string; permission: Permission }
  | { type: 'RoleRevokePermission'; name: string; range: KeyRange };

export type KvResponse =
  | ResponseOp
  | { type: 'LeaseGrant'; lease: LeaseId; ttlS: number }
  /** Everything whose answer is that it is done. */
  | { type: 'Done' };

/** An expected refusal. Nothing has changed then. */
export interface KvError {
  code: KvErrorCode;
  /** For people: what, why, what to do. Empty where the code says it all. */
  message?: string;
}

export type KvErrorCode =
  // The request.
  | 'empty-key'
  | 'key-not-found'
  | 'duplicate-key'
  | 'too-many-operations'
  | 'request-too-large'
  | 'value-provided'
  | 'lease-provided'
  | 'invalid-request'
  // Revisions.
  | 'compacted'
  | 'future-revision'
  // Leases.
  | 'lease-not-found'
  | 'lease-exists'
  | 'lease-ttl-too-large'
  // Room.
  | 'no-space'
  | 'corrupt'
  | 'too-many-requests'
  // Authentication.
  | 'auth-not-enabled'
  | 'auth-failed'
  | 'invalid-auth-token'
  | 'permission-denied'
  | 'root-user-missing'
  | 'root-role-missing'
  | 'user-name-empty'
  | 'user-exists'
  | 'user-not-found'
  | 'role-name-empty'
  | 'role-exists'
  | 'role-not-found'
  | 'role-not-granted'
  | 'permission-not-granted'
  | 'no-password'
  // The cluster.
  | 'no-leader'
  | 'not-leader'
  | 'leader-changed'
  | 'timeout'
  | 'member-not-found'
  | 'bad-leader-transferee'
  | 'log-refused'
  | 'stopped'
  /** It is done; its answer does not fit into a message from the leader to who was asked. */
  | 'answer-too-large';

export type KvResult =
  /** `revision`: of the store once it was executed. */
  { ok: true; revision: number; response: KvResponse } | { ok: false; error: KvError };

/** A change of a key, as watchers see it. A deleted key has no value, version 0, and the revision of its deletion. */
export interface WatchEvent {
  type: 'put' | 'delete';
  kv: KeyValue;
  prevKv?: KeyValue;
}

export interface WatchRequest extends KeyRange {
  /** 0 or absent: from the next change on. */
  startRevision?: number;
  prevKv?: boolean;
  noPut?: boolean;
  noDelete?: boolean;
}

/** What stands on the store's log. */
export type KvEvent =
  /** `cluster`: the store's id, made by its first leader and repeated by every later one. */
  | { type: 'LeaderElected'; role: 'kv'; epoch: number; leader: string; cluster: string }
  /** A request's commands, in order; the event's `cause` is the request's id. */
  | { type: 'KvExecuted'; commands: KvCommand[] };
