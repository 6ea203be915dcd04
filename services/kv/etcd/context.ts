import type { Clock } from '../../../shared/clock/clock.ts';
import type { KvCommand, KvError, KvResponse } from '../../../shared/domain/kv.ts';
import type { KvService } from '../kvService.ts';
import type { Authenticator } from './authenticator.ts';
import { statusOf } from './errors.ts';
import type { GrpcStatus } from './grpc/grpcStatus.ts';
import type { ResponseHeader } from './messages.ts';

/** What a client may ask for at most. */
export interface EtcdLimits {
  /** Of one request, in bytes. */
  maxRequestBytes: number;
  /** Requests in progress at a time, of all clients together. */
  maxRequests: number;
  /** Bytes of the requests in progress. One alone is taken whatever it has. */
  maxBytesInProgress: number;
  /** How often a watch that asked for it is told that nothing has happened. */
  progressNotifyIntervalMs: number;
}

export const defaultLimits: EtcdLimits = {
  maxRequestBytes: 1.5 * 1024 * 1024,
  maxRequests: 4096,
  maxBytesInProgress: 128 * 1024 * 1024,
  progressNotifyIntervalMs: 10 * 60_000,
};

/** What the handlers of all services share. */
export interface EtcdContext {
  service: KvService;
  clock: Clock;
  limits: EtcdLimits;
  /** What `Status` and `/version` say. */
  version: string;
  authenticator: Authenticator;
  onError(error: unknown): void;
}

/** What every response carries. `revision`: of the store when the request was executed. */
export function headerOf({ status, store }: KvService, revision: number = store.revision): ResponseHeader {
  return { clusterId: status.clusterId, memberId: status.member.id, revision, raftTerm: status.term };
}

/** Executes a command in the name of `user`. */
export async function execute<Response extends KvResponse['type']>(
  service: KvService,
  command: KvCommand,
  user: string | undefined,
  expected: Response,
): Promise<{ header: ResponseHeader; response: Extract<KvResponse, { type: Response }> } | GrpcStatus> {
  const result = await service.execute(user === undefined ? command : { ...command, user });
  if (!result.ok) return statusOf(result.error);
  return { header: headerOf(service, result.revision), response: expect(result.response, expected) };
}

function expect<Type extends KvResponse['type']>(
  response: KvResponse,
  type: Type,
): Extract<KvResponse, { type: Type }> {
  if (!isOfType(response, type)) throw new Error(`${response.type} was answered where ${type} was asked for`);
  return response;
}

function isOfType<Type extends KvResponse['type']>(
  response: KvResponse,
  type: Type,
): response is Extract<KvResponse, { type: Type }> {
  return response.type === type;
}

/** Whether this replica may be read as the whole store is now; a status: why not. */
export async function linearizable(service: KvService): Promise<GrpcStatus | null> {
  const refusal: KvError | null = await service.readBarrier();
  return refusal === null ? null : statusOf(refusal);
}
