import * as z from 'zod';
import type { KvError } from '../../../shared/domain/kv.ts';
import { type KvBatch, mostBatched } from '../../../shared/protocol/kv.ts';
import { keyRange, lease, operations, parseAs } from './parseParts.ts';

const user = { user: z.string().optional() };
const name = z.string();
const permission = z.strictObject({ ...keyRange, access: z.enum(['read', 'write', 'readwrite']) });
const alarm = { alarm: z.enum(['NOSPACE', 'CORRUPT']), member: z.string() };
const ttlS = z.int();

/** All commands but `LeaseExpire`, which is the leader's own to give. */
const command = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Put'), ...operations.put, ...user }),
  z.strictObject({ type: z.literal('DeleteRange'), ...operations.deleteRange, ...user }),
  z.strictObject({ type: z.literal('Txn'), ...operations.txn, ...user }),
  z.strictObject({ type: z.literal('Compact'), revision: z.int(), ...user }),
  z.strictObject({ type: z.literal('LeaseGrant'), lease, ttlS, ...user }),
  z.strictObject({ type: z.literal('LeaseRevoke'), lease, ...user }),
  z.strictObject({ type: z.literal('AlarmActivate'), ...alarm, ...user }),
  z.strictObject({ type: z.literal('AlarmDeactivate'), ...alarm, ...user }),
  z.strictObject({ type: z.literal('AuthEnable'), tokenKey: z.string(), ...user }),
  z.strictObject({ type: z.literal('AuthDisable'), ...user }),
  z.strictObject({ type: z.literal('UserAdd'), name, password: z.string().optional(), ...user }),
  z.strictObject({ type: z.literal('UserDelete'), name, ...user }),
  z.strictObject({ type: z.literal('UserChangePassword'), name, password: z.string(), ...user }),
  z.strictObject({ type: z.literal('UserGrantRole'), name, role: z.string(), ...user }),
  z.strictObject({ type: z.literal('UserRevokeRole'), name, role: z.string(), ...user }),
  z.strictObject({ type: z.literal('RoleAdd'), name, ...user }),
  z.strictObject({ type: z.literal('RoleDelete'), name, ...user }),
  z.strictObject({ type: z.literal('RoleGrantPermission'), name, permission, ...user }),
  z.strictObject({ type: z.literal('RoleRevokePermission'), name, range: z.strictObject(keyRange), ...user }),
]);

const batch = z.strictObject({
  id: z.string().min(1).max(100),
  by: z.string().max(200).optional(),
  packed: z.boolean().optional(),
  commands: z.array(command).min(1).max(mostBatched),
});

/** Reads what somebody sent as commands; every problem of their shape at once. What they ask is the store's to judge. */
export function parseBatch(data: Uint8Array): KvBatch | { error: KvError } {
  return parseAs<KvBatch>(batch, data, 'batch');
}
