import type { AlarmKind } from '../../../shared/domain/kv.ts';
import { type EtcdContext, execute, headerOf } from './context.ts';
import { isKvError, refuse, statusOf } from './errors.ts';
import type { Call, StreamCall } from './grpc/call.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { streaming } from './grpc/streaming.ts';
import { unary } from './grpc/unary.ts';
import {
  AlarmAction,
  type AlarmRequest,
  AlarmType,
  MaintenanceService,
  type MoveLeaderRequest,
  type SnapshotResponse,
} from './messages.ts';
import { sendSnapshot } from './snapshotStream.ts';

/** etcd's Maintenance service. */
export function maintenanceRoutes(context: EtcdContext): Route[] {
  const { service, authenticator } = context;

  function status() {
    const { store, status } = service;
    const alarms = store.alarms.map(({ alarm, member }) => `memberID:${member} alarm:${alarm} `);
    return {
      header: headerOf(service),
      version: context.version,
      dbSize: store.sizeBytes,
      dbSizeInUse: store.sizeInUseBytes,
      leader: status.leaderId,
      raftIndex: status.appliedSeq,
      raftAppliedIndex: status.appliedSeq,
      raftTerm: status.term,
      errors: status.leaderId === '0' ? [...alarms, refuse('no-leader').message] : alarms,
    };
  }

  async function alarm(request: AlarmRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    if (request.action === AlarmAction.GET)
      return { header: headerOf(service), alarms: alarmsOf(context, request.alarm) };
    const kind = kindOf(request.alarm);
    if (kind === null) return { header: headerOf(service) };
    const type = request.action === AlarmAction.ACTIVATE ? 'AlarmActivate' : 'AlarmDeactivate';
    const done = await execute(service, { type, alarm: kind, member: request.memberID }, user, 'Done');
    if (done instanceof GrpcStatus) return done;
    return { header: done.header, alarms: [{ memberID: request.memberID, alarm: request.alarm }] };
  }

  /** Nothing is ever left fragmented: the room that compactions leave is given back as it becomes free. */
  function defragment(_request: object, call: Call) {
    return authenticator.onlyRoot(call) ?? { header: headerOf(service) };
  }

  function hash(_request: object, call: Call) {
    const refusal = authenticator.onlyRoot(call);
    if (refusal !== null) return refusal;
    const hashed = service.store.hashKv(0);
    return isKvError(hashed) ? statusOf(hashed) : { header: headerOf(service), hash: hashed.hash };
  }

  function hashKv({ revision }: { revision: number }, call: Call) {
    const refusal = authenticator.onlyRoot(call);
    if (refusal !== null) return refusal;
    const hashed = service.store.hashKv(Math.max(0, revision));
    if (isKvError(hashed)) return statusOf(hashed);
    return { header: headerOf(service), hash: hashed.hash, compactRevision: hashed.compactRevision };
  }

  function snapshot(call: StreamCall<SnapshotResponse>) {
    return {
      async message(): Promise<void> {
        const refusal = authenticator.onlyRoot(call);
        if (refusal !== null) return call.end(refusal);
        await sendSnapshot(service, call);
      },
    };
  }

  async function moveLeader({ targetID }: MoveLeaderRequest) {
    const refusal = await service.moveLeader(targetID);
    return refusal === null ? { header: headerOf(service) } : statusOf(refusal);
  }

  return [
    unary(MaintenanceService.Status, status),
    unary(MaintenanceService.Alarm, alarm),
    unary(MaintenanceService.Defragment, defragment),
    unary(MaintenanceService.Hash, hash),
    unary(MaintenanceService.HashKV, hashKv),
    streaming(MaintenanceService.Snapshot, snapshot),
    unary(MaintenanceService.MoveLeader, moveLeader),
    unary(MaintenanceService.Downgrade, () => noDowngrade),
  ];
}

const noDowngrade = new GrpcStatus(
  GrpcCode.Unimplemented,
  'flotilla: there is nothing to downgrade; every version reads what older ones have written',
);

function alarmsOf({ service }: EtcdContext, type: number) {
  const alarms = service.store.alarms.map(({ alarm, member }) => ({ memberID: member, alarm: AlarmType[alarm] }));
  return type === AlarmType.NONE ? alarms : alarms.filter(({ alarm }) => alarm === type);
}

function kindOf(type: number): AlarmKind | null {
  if (type === AlarmType.NOSPACE) return 'NOSPACE';
  return type === AlarmType.CORRUPT ? 'CORRUPT' : null;
}
