import * as z from 'zod';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';

const heartbeat = z.object({
  session: z.string(),
  assignment: z.number(),
  digest: z.string(),
  held: z.array(z.string()).optional(),
  leaving: z.array(z.string()).nullable().optional(),
  answeredInMs: z.number().nonnegative().optional(),
  backWithinMs: z.number().nonnegative().optional(),
  takesUp: z.object({ nodeKey: z.string(), bootId: z.string() }).optional(),
});

/** Reads what somebody sent as a heartbeat; null where it is none. */
export function parseHeartbeat(data: Uint8Array): Heartbeat | null {
  try {
    return heartbeat.parse(decodeJson(data));
  } catch {
    // Anybody may send on that subject; who sends no heartbeat gets no answer.
    return null;
  }
}
