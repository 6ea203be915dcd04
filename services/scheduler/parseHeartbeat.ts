import { z } from 'zod';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';

const heartbeat = z.object({ session: z.string(), assignment: z.number(), digest: z.string() });

/** Reads what somebody sent as a heartbeat; null where it is none. */
export function parseHeartbeat(data: Uint8Array): Heartbeat | null {
  try {
    return heartbeat.parse(decodeJson(data));
  } catch {
    // Anybody may send on that subject; who sends no heartbeat gets no answer.
    return null;
  }
}
