/**
 * A lock that hands out fencing tokens: nobody gets it while somebody has it, and each token is larger than all before
 * (Kleppmann, "How to do distributed locking", 2016). A holder whose lease has run out may lose it.
 */
import type { Model } from '../history.ts';

export type LockInput =
  | { type: 'acquire'; lease: string }
  | { type: 'release'; lease: string }
  /** The store's own doing, which nobody is told of: called when the lease may run out at the earliest, never answered. */
  | { type: 'expire'; lease: string };

/** The fencing token, of an acquire. */
export type LockOutput = number | null;

interface Lock {
  /** The lease of who has it. */
  holder: string | null;
  /** The highest that was given. */
  token: number;
}

export const lock: Model<Lock, LockInput, LockOutput> = {
  initial: { holder: null, token: 0 },
  keyOf: ({ holder, token }) => `${token} ${holder}`,
  step(before, { type, lease }, outcome) {
    if (type !== 'acquire') return giveUp(before, lease, outcome !== null);
    if (before.holder !== null) return null;
    const token = outcome?.output ?? before.token;
    if (outcome !== null && token <= before.token) return null;
    return { holder: lease, token };
  },
};

function giveUp(before: Lock, lease: string, isAnswered: boolean): Lock | null {
  if (before.holder === lease) return { ...before, holder: null };
  // Without an answer and without an effect it may as well have its place later, or never.
  return isAnswered ? before : null;
}
