/**
 * Tells who asks what a unit uses of this machine, and how its commands have ended. It changes all the time, so that it
 * is never on the log.
 */
import type { Bus, Subscription } from '../../shared/bus/bus.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { EndedCommand, UnitUsage, UsageReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { parseActivityRequest } from './parseMessages.ts';
import type { Runtime } from './runtime/runtime.ts';
import { readWhole } from './runtime/whole.ts';

export interface UsageServiceOptions {
  machine: string;
  bus: Bus;
  runtimes: readonly Runtime[];
  ended: (unit: string) => EndedCommand[];
  onError: (error: unknown) => void;
}

/** Returns what ends the service. */
export function serveUsage({ machine, bus, runtimes, ended, onError }: UsageServiceOptions): Subscription {
  const whole = readWhole();
  return bus.subscribe(subjects.usage(machine), (message) => {
    const request = parseActivityRequest(message.data, onError);
    if (!request) return;
    const asked = runtimes.map((runtime) => usageIn(runtime, request.unit, onError));
    void Promise.all(asked)
      .then((found) => {
        const usage = found.find((each) => each !== null) ?? null;
        message.respond(encodeJson({ usage, ended: ended(request.unit), whole } satisfies UsageReply));
      })
      .catch(onError);
  });
}

/** A runtime that cannot tell now must not keep the other from telling. */
async function usageIn(runtime: Runtime, unit: string, onError: (error: unknown) => void): Promise<UnitUsage | null> {
  try {
    return (await runtime.usage?.(unit)) ?? null;
  } catch (error) {
    onError(error);
    return null;
  }
}
