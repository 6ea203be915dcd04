/** What stores say to each other. */
import * as z from 'zod';
import type { KvError, LeaseId } from '../../shared/domain/kv.ts';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { KvMember } from './kvService.ts';

/** Asked of the leading store, on `subjects.kvLeader`. */
export type PeerRequest =
  /** How far must the asker have come to know all that was acknowledged until now? */
  | { type: 'Barrier' }
  | { type: 'RenewLease'; lease: LeaseId }
  | { type: 'RemainingTtl'; lease: LeaseId }
  | { type: 'MoveLeader'; member: string };

/** `seq`: the sequence that the leader has reached. `ttlS`: seconds, where a lease was asked about. */
export type PeerReply = { ok: true; seq: number; ttlS?: number } | { ok: false; error: KvError };

const request = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Barrier') }),
  z.object({ type: z.literal('RenewLease'), lease: z.string() }),
  z.object({ type: z.literal('RemainingTtl'), lease: z.string() }),
  z.object({ type: z.literal('MoveLeader'), member: z.string() }),
]);

const member = z.object({ id: z.string(), name: z.string(), clientUrls: z.array(z.string()) });

/** Null: it is none. */
export function parsePeerRequest(data: Uint8Array): PeerRequest | null {
  return parse(request, data);
}

/** Null: it is none. */
export function parseMember(data: Uint8Array): KvMember | null {
  return parse(member, data);
}

function parse<T>(schema: z.ZodType<T>, data: Uint8Array): T | null {
  try {
    return schema.safeParse(decodeJson(data)).data ?? null;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}
