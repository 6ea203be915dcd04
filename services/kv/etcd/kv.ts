import { isReadOnly } from '../store/checkCommand.ts';
import { type EtcdContext, execute, headerOf, linearizable } from './context.ts';
import { isKvError, statusOf } from './errors.ts';
import type { Call } from './grpc/call.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { unary } from './grpc/unary.ts';
import {
  type CompactionRequest,
  type DeleteRangeRequest,
  KVService,
  type PutRequest,
  type RangeRequest,
  type TxnRequest,
} from './messages.ts';
import { readDeleteRange, readPut, readRange, readTxn, writeTxnResponse } from './requests.ts';

/** etcd's KV service (api-v3, "KV service"). */
export function kvRoutes({ service, authenticator }: EtcdContext): Route[] {
  async function range(request: RangeRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const refusal = request.serializable ? null : await linearizable(service);
    if (refusal !== null) return refusal;
    const found = service.store.range(readRange(request), user);
    if (isKvError(found)) return statusOf(found);
    return { header: headerOf(service), kvs: found.kvs, count: found.count, more: found.more };
  }

  async function put(request: PutRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const done = await execute(service, { type: 'Put', ...readPut(request) }, user, 'Put');
    return done instanceof GrpcStatus ? done : { header: done.header, prevKv: done.response.prevKv };
  }

  async function deleteRange(request: DeleteRangeRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const done = await execute(service, { type: 'DeleteRange', ...readDeleteRange(request) }, user, 'DeleteRange');
    if (done instanceof GrpcStatus) return done;
    return { header: done.header, deleted: done.response.deleted, prevKvs: done.response.prevKvs };
  }

  async function txn(request: TxnRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const read = readTxn(request);
    if (isKvError(read)) return statusOf(read);
    if (!isReadOnly(read)) {
      const done = await execute(service, { type: 'Txn', ...read }, user, 'Txn');
      if (done instanceof GrpcStatus) return done;
      return { header: done.header, ...writeTxnResponse(done.response, done.header.revision) };
    }
    const refusal = await linearizable(service);
    if (refusal !== null) return refusal;
    const found = service.store.read(read, user);
    if (isKvError(found)) return statusOf(found);
    return { header: headerOf(service), ...writeTxnResponse(found, service.store.revision) };
  }

  async function compact({ revision }: CompactionRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const done = await execute(service, { type: 'Compact', revision }, user, 'Done');
    return done instanceof GrpcStatus ? done : { header: done.header };
  }

  return [
    unary(KVService.Range, range),
    unary(KVService.Put, put),
    unary(KVService.DeleteRange, deleteRange),
    unary(KVService.Txn, txn),
    unary(KVService.Compact, compact),
  ];
}
