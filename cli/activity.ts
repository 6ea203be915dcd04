import type { Bus } from '../shared/bus/bus.ts';
import { decodeJson, encodeJson } from '../shared/protocol/json.ts';
import type { ActivityReply, ActivityRequest } from '../shared/protocol/node.ts';
import { subjects } from '../shared/protocol/subjects.ts';

const answerTimeoutMs = 500;

/** What a machine is busy with for a unit, such as a long pull; null: nothing, or the machine does not say. */
export async function askActivity(bus: Bus, machine: string, unit: string): Promise<string | null> {
  const request: ActivityRequest = { unit };
  try {
    const reply = await bus.request(subjects.activity(machine), encodeJson(request), { timeoutMs: answerTimeoutMs });
    return (decodeJson(reply.data) as ActivityReply).activity;
  } catch {
    // It only makes a wait more pleasant: who knows nothing of it is not waited for.
    return null;
  }
}
