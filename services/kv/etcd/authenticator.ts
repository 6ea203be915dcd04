import type { Clock } from '../../../shared/clock/clock.ts';
import { mayAdminister } from '../store/authorize.ts';
import type { AuthView } from '../store/store.ts';
import { refuse, statusOf } from './errors.ts';
import type { Call } from './grpc/call.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { isSignedBy, readToken, signToken } from './tokens.ts';

const tokenTtlMs = 5 * 60_000;
/** Checked tokens that are remembered, so that a signature is computed once and not for each request. */
const maxRemembered = 4096;

/** Says who calls. */
export interface Authenticator {
  /** By token, else by certificate. undefined: authentication is off, or the client has not said: the store knows what nobody in particular may do. */
  userOf(call: Call): string | undefined | GrpcStatus;
  /** What keeps a call from being answered that only root may make; null: nothing. */
  onlyRoot(call: Call): GrpcStatus | null;
  /** For a user whose password has been checked. */
  issueToken(user: string): string;
}

/** @param auth is read at each request: it changes as the store does. */
export function createAuthenticator(auth: () => AuthView, clock: Clock): Authenticator {
  /** Tokens that are known to be signed, each with what they were signed with. */
  const signed = new Map<string, string>();

  function isSigned(token: string, passwordHash: string): boolean {
    const key = auth().tokenKey;
    const secret = `${key} ${passwordHash}`;
    if (signed.get(token) === secret) return true;
    if (!isSignedBy(token, key, passwordHash)) return false;
    if (signed.size >= maxRemembered) signed.clear();
    signed.set(token, secret);
    return true;
  }

  function userOf(call: Call): string | undefined | GrpcStatus {
    if (!auth().enabled) return undefined;
    const token = call.metadata('token') ?? call.metadata('authorization');
    // A certificate may have an empty name: it is nobody's.
    if (token === undefined) return call.user || undefined;
    const claims = readToken(token);
    if (claims === null || claims.expiresAt <= clock.now()) return refuse('invalid-auth-token');
    const passwordHash = auth().password(claims.user);
    const isValid = passwordHash !== null && isSigned(token, passwordHash ?? '');
    return isValid ? claims.user : refuse('invalid-auth-token');
  }

  return {
    userOf,
    onlyRoot(call) {
      if (!auth().enabled) return null;
      const user = userOf(call);
      if (user instanceof GrpcStatus) return user;
      const refusal = mayAdminister(auth(), user);
      return refusal && statusOf(refusal);
    },
    issueToken: (user) =>
      signToken({ user, expiresAt: clock.now() + tokenTtlMs }, auth().tokenKey, auth().password(user) ?? ''),
  };
}
