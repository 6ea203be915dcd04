/** What candidates for a role say to each other on core NATS. None of it decides anything: the fence does. */

export interface Heartbeat {
  leader: string;
  epoch: number;
  /** It leaves: nobody need wait for its silence. */
  resigned?: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeHeartbeat({ leader, epoch, resigned = false }: Heartbeat): Uint8Array {
  return encoder.encode(JSON.stringify({ leader, epoch, ...(resigned ? { resigned } : {}) }));
}

/** Asks whoever leads for a heartbeat. */
export const whoLeads = encoder.encode('{}');

/** Null: it is no heartbeat. */
export function parseHeartbeat(data: Uint8Array): Heartbeat | null {
  const raw = parseObject(data);
  if (typeof raw?.leader !== 'string' || typeof raw.epoch !== 'number') return null;
  return { leader: raw.leader, epoch: raw.epoch, ...(raw.resigned === true ? { resigned: true } : {}) };
}

function parseObject(data: Uint8Array): Record<string, unknown> | null {
  try {
    const raw: unknown = JSON.parse(decoder.decode(data));
    return typeof raw === 'object' && raw !== null ? { ...raw } : null;
  } catch {
    // Whatever else somebody sends on that subject.
    return null;
  }
}
