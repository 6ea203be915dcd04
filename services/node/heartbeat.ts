import { type Bus, NoRespondersError, RequestTimeoutError } from '../../shared/bus/bus.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { parseHeartbeatReply } from './parseMessages.ts';

export interface HeartbeatOptions {
  machine: string;
  bus: Bus;
  clock: Clock;
  intervalMs: number;
  beat: () => Heartbeat;
  onReply: (reply: HeartbeatReply) => void;
  /** No leader answered, `missed` times in a row. */
  onMissed: (missed: number) => void;
}

/** Tells the leader every `intervalMs` that this machine is there, until `signal` aborts. Never rejects for want of one. */
export async function runHeartbeat(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { clock, intervalMs, onReply, onMissed } = options;
  for (let missed = 0; !signal.aborted; ) {
    const sentAt = clock.monotonicNow();
    const reply = await sendBeat(options);
    if (signal.aborted) return;
    missed = reply ? 0 : missed + 1;
    if (reply) onReply(reply);
    else onMissed(missed);
    await delay(clock, Math.max(0, sentAt + intervalMs - clock.monotonicNow()), signal);
  }
}

async function sendBeat({ machine, bus, intervalMs, beat }: HeartbeatOptions): Promise<HeartbeatReply | null> {
  try {
    const data = encodeJson(beat());
    return parseHeartbeatReply(
      (await bus.request(subjects.heartbeat(machine), data, { timeoutMs: 2 * intervalMs })).data,
    );
  } catch (error) {
    if (error instanceof NoRespondersError || error instanceof RequestTimeoutError) return null;
    throw error;
  }
}
