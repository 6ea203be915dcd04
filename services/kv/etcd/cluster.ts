import type { KvMember } from '../kvService.ts';
import { type EtcdContext, headerOf, linearizable } from './context.ts';
import { refuse } from './errors.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { unary } from './grpc/unary.ts';
import { ClusterService, type Member, type MemberListRequest } from './messages.ts';

/**
 * etcd's Cluster service. Members are the stores that run: one joins by being started and leaves by being stopped, so that
 * there is nobody to add or to remove.
 */
export function clusterRoutes({ service }: EtcdContext): Route[] {
  async function list({ linearizable: isLinearizable }: MemberListRequest) {
    const refusal = isLinearizable ? await linearizable(service) : null;
    return refusal ?? { header: headerOf(service), members: service.members().map(writeMember) };
  }

  function ofMember({ ID }: { ID: string }): GrpcStatus {
    return service.members().some(({ id }) => id === ID) ? membersComeAndGo : refuse('member-not-found');
  }

  return [
    unary(ClusterService.MemberList, list),
    unary(ClusterService.MemberAdd, () => membersComeAndGo),
    unary(ClusterService.MemberRemove, ofMember),
    unary(ClusterService.MemberUpdate, ofMember),
    unary(ClusterService.MemberPromote, ofMember),
  ];
}

const membersComeAndGo = new GrpcStatus(
  GrpcCode.FailedPrecondition,
  'flotilla: a store joins by being started (flotilla kv serve) and leaves by being stopped; members are not added, changed or removed',
);

function writeMember({ id, name, clientUrls }: KvMember): Partial<Member> {
  return { ID: id, name, clientURLs: clientUrls, peerURLs: clientUrls };
}
