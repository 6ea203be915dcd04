import { z } from 'zod';
import { type Rejection, reject } from '../../shared/domain/rejection.ts';
import type { Command } from '../../shared/protocol/commands.ts';
import { decodeJson } from '../../shared/protocol/json.ts';

const named = z.array(z.object({ name: z.string().min(1), text: z.string().optional() })).min(1);
const withFiles = { units: named, replace: z.boolean().optional() };
const envelope = { id: z.string().min(1).max(100), by: z.string().max(200) };
const resources = z.object({ memoryBytes: z.number().optional(), cpus: z.number().optional() });

const command = z.discriminatedUnion('type', [
  z.object({ ...envelope, type: z.literal('SubmitUnits'), ...withFiles }),
  z.object({ ...envelope, type: z.literal('LoadUnits'), ...withFiles }),
  z.object({ ...envelope, type: z.literal('StartUnits'), ...withFiles }),
  z.object({ ...envelope, type: z.literal('StopUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('UnloadUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('RestartUnits'), units: named }),
  z.object({ ...envelope, type: z.literal('DestroyUnits'), units: named }),
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
