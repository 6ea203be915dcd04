import * as z from 'zod';
import { type Rejection, reject } from '../../shared/domain/rejection.ts';
import type { Command } from '../../shared/protocol/commands.ts';
import { decodeJson } from '../../shared/protocol/json.ts';

const named = z.array(z.object({ name: z.string().min(1), text: z.string().optional() })).min(1);
const machines = z.array(z.string().min(1)).min(1);
const withFiles = { units: named, replace: z.boolean().optional(), allowUnsupported: z.boolean().optional() };
const rolling = z
  .object({
    maxUnavailable: z.number().int().min(1),
    settleMs: z.number().min(0),
    timeoutMs: z.number().min(1),
  })
  .optional();
const envelope = { id: z.string().min(1).max(100), by: z.string().max(200) };
// What `MachineMetadata=` can name.
const metadataKey = z.string().regex(/^[A-Za-z0-9_.-]{1,200}$/, 'letters, digits and _ . - are allowed');
const resources = z.object({ memoryBytes: z.number().optional(), cpus: z.number().optional() });

const command = z.discriminatedUnion('type', [
  z.object({ ...envelope, type: z.literal('SubmitUnits'), ...withFiles }),
  z.object({ ...envelope, type: z.literal('LoadUnits'), ...withFiles }),
  z.object({ ...envelope, type: z.literal('StartUnits'), ...withFiles, rolling }),
  z.object({ ...envelope, type: z.literal('StopUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('UnloadUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('RestartUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('ReloadUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('DestroyUnits'), units: named }),
  z.object({
    ...envelope,
    type: z.literal('ScaleUnits'),
    template: z.string().min(1),
    count: z.number().int().min(0).max(10_000),
  }),
  z.object({
    ...envelope,
    type: z.literal('MoveUnits'),
    units: z.array(z.object({ name: z.string().min(1), to: z.string().min(1).optional() })).min(1),
    reason: z.string().max(1_000),
  }),
  z.object({
    ...envelope,
    type: z.literal('CordonMachines'),
    machines,
    reason: z.string().max(1_000),
    drain: z.enum(['no', 'one-by-one', 'at-once']).optional(),
  }),
  z.object({ ...envelope, type: z.literal('UncordonMachines'), machines }),
  z.object({ ...envelope, type: z.literal('ForgetMachines'), machines, reason: z.string().max(1_000) }),
  z.object({
    ...envelope,
    type: z.literal('Rebalance'),
    reason: z.string().max(1_000),
    maxMoves: z.number().int().min(1).max(100_000),
  }),
  z.object({ ...envelope, type: z.literal('StopRebalance'), reason: z.string().max(1_000) }),
  z.object({
    ...envelope,
    type: z.literal('StopRollouts'),
    units: z.array(z.object({ name: z.string().min(1).max(300) })).min(1),
    reason: z.string().max(1_000),
    keep: z.boolean().optional(),
  }),
  z.object({
    ...envelope,
    type: z.literal('ChangeMachineMetadata'),
    changes: z
      .array(
        z.object({
          machine: z.string().min(1).max(200),
          key: metadataKey,
          value: z.string().min(1).max(1_000).nullable(),
        }),
      )
      .min(1),
  }),
  z.object({
    ...envelope,
    type: z.literal('JoinMachine'),
    cluster: z.string().optional(),
    machine: z.string().min(1).max(200),
    session: z.string(),
    nodeKey: z.string(),
    bootId: z.string(),
    ip: z.string(),
    hostname: z.string(),
    version: z.string(),
    metadata: z.record(z.string(), z.string()),
    capacity: resources,
    runtimes: z.array(z.string()),
  }),
  z.object({
    ...envelope,
    type: z.literal('LeaveMachine'),
    machine: z.string(),
    session: z.string(),
    reason: z.string(),
  }),
]);

/** Reads what somebody sent as a command; every problem of its shape at once. */
export function parseCommand(data: Uint8Array): Command | Rejection {
  let raw: unknown;
  try {
    raw = decodeJson(data);
  } catch (error) {
    return reject('invalid-command', `the command is not JSON: ${String(error)}`);
  }
  const parsed = command.safeParse(raw);
  // zod gives optional keys the type `T | undefined`; what was absent in the JSON stays absent.
  if (parsed.success) return parsed.data as Command;
  return reject(
    'invalid-command',
    'the command does not have the shape that this scheduler understands; is the client of another version?',
    parsed.error.issues.map((issue) => `${issue.path.join('.') || 'command'}: ${issue.message}`),
  );
}
