import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a token says once its signature has been checked. */
export interface TokenClaims {
  user: string;
  /** Wall clock, ms. */
  expiresAt: number;
}

/**
 * Signs that `user` has shown that it knows its password. Every replica can check it: nothing is kept of it.
 * @param key of the whole cluster, hex.
 * @param passwordHash it is part of what is signed, so that a new password voids the token.
 */
export function signToken(claims: TokenClaims, key: string, passwordHash: string): string {
  const text = Buffer.from(JSON.stringify([claims.user, claims.expiresAt])).toString('base64url');
  return `${text}.${signatureOf(text, key, passwordHash)}`;
}

/** What the token claims, whether or not it is true; null: it is none. */
export function readToken(token: string): TokenClaims | null {
  const [text = ''] = token.split('.');
  const [user, expiresAt] = parseArray(Buffer.from(text, 'base64url').toString());
  return typeof user === 'string' && typeof expiresAt === 'number' ? { user, expiresAt } : null;
}

/** Signatures are compared as they are spelled: base64url has several spellings of the same bytes. */
export function isSignedBy(token: string, key: string, passwordHash: string): boolean {
  const [text = '', ...signature] = token.split('.');
  const given = Buffer.from(signature.join('.'));
  const expected = Buffer.from(signatureOf(text, key, passwordHash));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** @returns base64url. */
function signatureOf(text: string, key: string, passwordHash: string): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`${text}.${passwordHash}`).digest('base64url');
}

function parseArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
