import type { Bytes, KvCommand, LeaseId, RequestOp, ResponseOp } from '../../../shared/domain/kv.ts';

/** What a machine wants the store to say for as long as a unit of its is active. */
export interface Wanted {
  value: Bytes;
  /** Of the unit's placement: of two machines that announce the same key, the one with the higher one is right. */
  token: number;
}

export interface Plan {
  announce: [key: Bytes, wanted: Wanted][];
  withdraw: Bytes[];
}

/** What to do so that exactly what is wanted is said. */
export function planAnnouncements(wanted: ReadonlyMap<Bytes, Wanted>, held: ReadonlyMap<Bytes, Wanted>): Plan {
  const announce = [...wanted].filter(([key, { value, token }]) => {
    const said = held.get(key);
    return said === undefined || said.value !== value || said.token !== token;
  });
  return { announce, withdraw: [...held.keys()].filter((key) => !wanted.has(key)) };
}

/** Where the token of a key's announcement stands. It comes and goes with the key. */
export function tokenKey(key: Bytes): Bytes {
  return `flotilla/announced/${key}`;
}

/** Enough for every safe integer: as text, such tokens compare as the numbers do. */
const tokenDigits = 16;

function tokenText(token: number): Bytes {
  return String(token).padStart(tokenDigits, '0');
}

/**
 * Announces, unless a machine with a newer placement of the unit has: one that was cut off does not know yet that the
 * unit has moved.
 */
export function announceCommand(key: Bytes, { value, token }: Wanted, lease: LeaseId): KvCommand {
  const said: RequestOp[] = [
    { type: 'Put', key, value, lease },
    { type: 'Put', key: tokenKey(key), value: tokenText(token), lease },
  ];
  return {
    type: 'Txn',
    compare: [{ key: tokenKey(key), target: 'create', result: 'equal', number: 0 }],
    success: said,
    failure: [
      {
        type: 'Txn',
        compare: [{ key: tokenKey(key), target: 'value', result: 'less', value: tokenText(token + 1) }],
        success: said,
        failure: [],
      },
    ],
  };
}

/** Whether it is said now. */
export function wasAnnounced({ succeeded, responses }: { succeeded: boolean; responses: ResponseOp[] }): boolean {
  const [nested] = responses;
  return succeeded || (nested?.type === 'Txn' && nested.succeeded);
}

/** Takes an announcement back; somebody else's of the same key stays. */
export function withdrawCommand(key: Bytes, lease: LeaseId): KvCommand {
  return {
    type: 'Txn',
    compare: [{ key, target: 'lease', result: 'equal', lease }],
    success: [
      { type: 'DeleteRange', key },
      { type: 'DeleteRange', key: tokenKey(key) },
    ],
    failure: [],
  };
}
