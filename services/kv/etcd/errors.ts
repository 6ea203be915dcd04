import type { KvError, KvErrorCode } from '../../../shared/domain/kv.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';

/**
 * Each refusal as etcd words it (package rpctypes): clients compare the whole text. An empty text leaves it to the error's own
 * message, for what etcd has no words for.
 */
const statuses: Record<KvErrorCode, [code: number, text: string]> = {
  'empty-key': [GrpcCode.InvalidArgument, 'key is not provided'],
  'key-not-found': [GrpcCode.InvalidArgument, 'key not found'],
  'duplicate-key': [GrpcCode.InvalidArgument, 'duplicate key given in txn request'],
  'too-many-operations': [GrpcCode.InvalidArgument, 'too many operations in txn request'],
  'request-too-large': [GrpcCode.InvalidArgument, 'request is too large'],
  'value-provided': [GrpcCode.InvalidArgument, 'value is provided'],
  'lease-provided': [GrpcCode.InvalidArgument, 'lease is provided'],
  'invalid-request': [GrpcCode.InvalidArgument, ''],
  compacted: [GrpcCode.OutOfRange, 'mvcc: required revision has been compacted'],
  'future-revision': [GrpcCode.OutOfRange, 'mvcc: required revision is a future revision'],
  'lease-not-found': [GrpcCode.NotFound, 'requested lease not found'],
  'lease-exists': [GrpcCode.FailedPrecondition, 'lease already exists'],
  'lease-ttl-too-large': [GrpcCode.OutOfRange, 'too large lease TTL'],
  'no-space': [GrpcCode.ResourceExhausted, 'mvcc: database space exceeded'],
  corrupt: [GrpcCode.DataLoss, 'corrupt cluster'],
  'too-many-requests': [GrpcCode.ResourceExhausted, 'too many requests'],
  'auth-not-enabled': [GrpcCode.FailedPrecondition, 'authentication is not enabled'],
  'auth-failed': [GrpcCode.InvalidArgument, 'authentication failed, invalid user ID or password'],
  'invalid-auth-token': [GrpcCode.Unauthenticated, 'invalid auth token'],
  'permission-denied': [GrpcCode.PermissionDenied, 'permission denied'],
  'root-user-missing': [GrpcCode.FailedPrecondition, 'root user does not exist'],
  'root-role-missing': [GrpcCode.FailedPrecondition, 'root user does not have root role'],
  'user-name-empty': [GrpcCode.InvalidArgument, 'user name is empty'],
  'user-exists': [GrpcCode.FailedPrecondition, 'user name already exists'],
  'user-not-found': [GrpcCode.FailedPrecondition, 'user name not found'],
  'role-name-empty': [GrpcCode.InvalidArgument, 'role name is empty'],
  'role-exists': [GrpcCode.FailedPrecondition, 'role name already exists'],
  'role-not-found': [GrpcCode.FailedPrecondition, 'role name not found'],
  'role-not-granted': [GrpcCode.FailedPrecondition, 'role is not granted to the user'],
  'permission-not-granted': [GrpcCode.FailedPrecondition, 'permission is not granted to the role'],
  'no-password': [GrpcCode.InvalidArgument, 'authentication failed, invalid user ID or password'],
  'no-leader': [GrpcCode.Unavailable, 'no leader'],
  'not-leader': [GrpcCode.FailedPrecondition, 'not leader'],
  'leader-changed': [GrpcCode.Unavailable, 'leader changed'],
  timeout: [GrpcCode.Unavailable, 'request timed out'],
  'member-not-found': [GrpcCode.NotFound, 'member not found'],
  'bad-leader-transferee': [GrpcCode.FailedPrecondition, 'bad leader transferee'],
  'log-refused': [GrpcCode.Unavailable, ''],
  stopped: [GrpcCode.Unavailable, 'server stopped'],
  'answer-too-large': [GrpcCode.Unavailable, ''],
};

/** How a call ends that is refused. */
export function statusOf({ code, message }: KvError): GrpcStatus {
  const [grpcCode, text] = statuses[code];
  return new GrpcStatus(grpcCode, `etcdserver: ${text || message || code}`);
}

export function refuse(code: KvErrorCode): GrpcStatus {
  return statusOf({ code });
}

export function isKvError(answer: object): answer is KvError {
  return 'code' in answer;
}
