/** Tells who asks what this machine is busy with for a unit. It is seen over the bus only: the log has what came of it. */
import type { Bus, Subscription } from '../../shared/bus/bus.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { ActivityReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { parseActivityRequest } from './parseMessages.ts';
import type { Runtime } from './runtime/runtime.ts';

export interface ActivityServiceOptions {
  machine: string;
  bus: Bus;
  runtimes: readonly Runtime[];
  onError: (error: unknown) => void;
}

/** Returns what ends the service. */
export function serveActivities({ machine, bus, runtimes, onError }: ActivityServiceOptions): Subscription {
  return bus.subscribe(subjects.activity(machine), (message) => {
    const request = parseActivityRequest(message.data, onError);
    if (!request) return;
    const activity = runtimes.flatMap((runtime) => runtime.activity?.(request.unit) ?? []).join('; ');
    const reply: ActivityReply = { activity: activity === '' ? null : activity };
    message.respond(encodeJson(reply));
  });
}
