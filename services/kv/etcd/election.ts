import type { RequestOp } from '../../../shared/domain/kv.ts';
import { type EtcdContext, execute, headerOf, linearizable } from './context.ts';
import type { Call, StreamCall } from './grpc/call.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { streaming } from './grpc/streaming.ts';
import { unary } from './grpc/unary.ts';
import {
  type CampaignRequest,
  ElectionService,
  type LeaderKey,
  type LeaderRequest,
  type LeaderResponse,
  type ProclaimRequest,
  type ResignRequest,
} from './messages.ts';
import { observe } from './observe.ts';
import { firstInLine, leave, prefixOf, takePlace, waitForTurn } from './waitingLine.ts';

// etcd's own words; their code is that of an error without one.
const notLeader = new GrpcStatus(GrpcCode.Unknown, 'election: not leader');
const noLeader = new GrpcStatus(GrpcCode.Unknown, 'election: no leader');
const leaderMissing = new GrpcStatus(GrpcCode.InvalidArgument, '"leader" field must be provided');

/** etcd's Election service (v3election). */
export function electionRoutes(context: EtcdContext): Route[] {
  const { service, authenticator } = context;

  async function campaign({ name, lease, value }: CampaignRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const taken = await takePlace(service, { name, lease, value }, user);
    if (taken instanceof GrpcStatus) return taken;
    const { key, createRevision: rev } = taken.place;
    const leader = { name, key, rev, lease };
    const updated = taken.value === value ? null : await ifHolds(leader, setValue(leader, value), user);
    if (updated instanceof GrpcStatus) return updated;
    const refusal = await waitForTurn(context, taken.place, call, user);
    if (refusal === null && !call.closed) return { header: headerOf(service), leader };
    // A leader whom nobody has told of it would lead for ever.
    await leave(service, taken.place, user);
    return refusal ?? { header: headerOf(service), leader };
  }

  async function proclaim({ leader, value }: ProclaimRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    return leader === undefined ? leaderMissing : ifHolds(leader, setValue(leader, value), user);
  }

  async function leader({ name }: LeaderRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const refusal = await linearizable(service);
    if (refusal !== null) return refusal;
    const kv = firstInLine(service, prefixOf(name), user);
    if (kv instanceof GrpcStatus) return kv;
    return kv === null ? noLeader : { header: headerOf(service), kv };
  }

  async function resign({ leader }: ResignRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    if (leader === undefined) return leaderMissing;
    const done = await ifHolds(leader, { type: 'DeleteRange', key: leader.key }, user);
    return done === notLeader ? { header: headerOf(service) } : done;
  }

  /** Does it if the key is still that leader's, or whoever waits to be it. */
  async function ifHolds({ key, rev }: LeaderKey, op: RequestOp, user: string | undefined) {
    const compare = [{ key, target: 'create', result: 'equal', number: rev } as const];
    const done = await execute(service, { type: 'Txn', compare, success: [op], failure: [] }, user, 'Txn');
    if (done instanceof GrpcStatus) return done;
    return done.response.succeeded ? { header: done.header } : notLeader;
  }

  return [
    unary(ElectionService.Campaign, campaign),
    unary(ElectionService.Proclaim, proclaim),
    unary(ElectionService.Leader, leader),
    streaming(ElectionService.Observe, (call: StreamCall<LeaderResponse>) => ({
      message: ({ name }: LeaderRequest) => observe(context, name, call),
    })),
    unary(ElectionService.Resign, resign),
  ];
}

function setValue({ key, lease }: LeaderKey, value: string): RequestOp {
  return { type: 'Put', key, value, lease };
}
