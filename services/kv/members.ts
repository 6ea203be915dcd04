import type { Bus } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { KvMember } from './kvService.ts';
import { parseMember } from './parsePeer.ts';

export interface Members {
  /** The stores that run now, this one among them, sorted by name. */
  list(): KvMember[];
  stop(): void;
}

const sayEveryMs = 1_000;
/** A store that has not been heard for so long does not run any more. */
const forgetAfterMs = 3_500;

/** Says that this store is there, and listens to the others. Nothing is decided by it: it is what `MemberList` shows. */
export function startMembers({ bus, clock, self }: { bus: Bus; clock: Clock; self: KvMember }): Members {
  const heard = new Map<string, { member: KvMember; at: number }>();
  let timer: unknown;
  const say = () => bus.publish(subjects.kvMembers, encodeJson(self));
  const tick = () => {
    say();
    timer = clock.setTimeout(tick, sayEveryMs);
  };
  const subscription = bus.subscribe(subjects.kvMembers, ({ data }) => {
    const member = parseMember(data);
    if (member === null || member.id === self.id) return;
    // A newcomer need not wait to hear of the others.
    if (!heard.has(member.id)) say();
    heard.set(member.id, { member, at: clock.monotonicNow() });
  });
  tick();
  return {
    list: () => {
      const now = clock.monotonicNow();
      for (const [id, { at }] of heard) if (now - at > forgetAfterMs) heard.delete(id);
      const members = [self, ...[...heard.values()].map(({ member }) => member)];
      return members.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    stop: () => {
      clock.clearTimeout(timer);
      subscription.unsubscribe();
    },
  };
}
