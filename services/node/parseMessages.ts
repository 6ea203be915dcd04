import { z } from 'zod';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { Assignment, HeartbeatReply, JournalRequest } from '../../shared/protocol/node.ts';

const assignment = z.object({
  machine: z.string(),
  cluster: z.string(),
  session: z.string(),
  version: z.number().int(),
  units: z.array(
    z.object({
      name: z.string(),
      text: z.string(),
      hash: z.string(),
      desired: z.enum(['inactive', 'loaded', 'launched']),
      token: z.number().int(),
      goal: z.number().int(),
      restart: z.number().int(),
      cluster: z.string().optional(),
    }),
  ),
});

const journalRequest = z.object({
  id: z.string(),
  unit: z.string(),
  lines: z.number().int().min(0),
  follow: z.boolean(),
  replyTo: z.string().min(1),
});

const heartbeatReply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), assignment: z.number(), resync: z.boolean() }),
  z.object({ ok: z.literal(false), code: z.enum(['join', 'replaced']) }),
]);

/** What came as the answer to a heartbeat; null when it is none: as if nobody had answered. */
export function parseHeartbeatReply(data: Uint8Array): HeartbeatReply | null {
  return parse(heartbeatReply, data, () => undefined);
}

/** What came as an assignment; null when it is none, which `onError` is told. */
export function parseAssignment(data: Uint8Array, onError: (error: unknown) => void): Assignment | null {
  return parse(assignment, data, onError);
}

/** What came as a request for a journal; null when it is none, which `onError` is told. */
export function parseJournalRequest(data: Uint8Array, onError: (error: unknown) => void): JournalRequest | null {
  return parse(journalRequest, data, onError);
}

function parse<T>(schema: z.ZodType<T>, data: Uint8Array, onError: (error: unknown) => void): T | null {
  try {
    return schema.parse(decodeJson(data));
  } catch (error) {
    onError(error);
    return null;
  }
}
