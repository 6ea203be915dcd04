import * as z from 'zod';
import type { ExecInput, ExecRequest } from '../../shared/protocol/exec.ts';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { ActivityRequest, Assignment, HeartbeatReply, JournalRequest } from '../../shared/protocol/node.ts';
import type { PipeMessage } from '../../shared/protocol/pipe.ts';
import type { NumberedLeases } from './leaseFile.ts';

const exit = z.union([z.object({ code: z.number().int() }), z.object({ signal: z.string() })]);
const assignment = z.object({
  machine: z.string(),
  cluster: z.string(),
  session: z.string(),
  version: z.number().int(),
  units: z.array(
    z.object({
      name: z.string(),
      text: z.string(),
      hash: z.string(),
      desired: z.enum(['inactive', 'loaded', 'launched']),
      token: z.number().int(),
      goal: z.number().int(),
      restart: z.number().int(),
      reload: z.number().int().optional(),
      awaits: z.string().optional(),
      cluster: z.string().optional(),
      monitored: z
        .object({ unit: z.string(), result: z.string(), exit: exit.optional(), invocation: z.string().optional() })
        .optional(),
      timer: z.object({ since: z.number().optional(), last: z.number().optional() }).optional(),
    }),
  ),
});

const journalRequest = z.object({
  id: z.string(),
  unit: z.string(),
  lines: z.number().int().min(0),
  follow: z.boolean(),
  since: z.number().optional(),
  until: z.number().optional(),
  stamps: z.boolean().optional(),
  replyTo: z.string().min(1),
});

const size = { columns: z.number().int().min(0), rows: z.number().int().min(0) };
const execRequest = z.object({
  unit: z.string(),
  argv: z.array(z.string()).min(1),
  tty: z.object({ ...size, term: z.string() }).nullable(),
  interactive: z.boolean(),
  by: z.string(),
  replyTo: z.string().min(1),
});
const execInput = z.discriminatedUnion('type', [
  z.object({ type: z.literal('data'), data: z.string() }),
  z.object({ type: z.literal('eof') }),
  z.object({ type: z.literal('resize'), ...size }),
  z.object({ type: z.literal('signal'), name: z.string() }),
]);
const execMessage = z.union([
  z.object({ n: z.number().int(), frame: execInput }),
  z.object({ took: z.number().int() }),
  z.object({ alive: z.literal(true) }),
]);

const activityRequest = z.object({ unit: z.string() });

const heartbeatReply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), assignment: z.number(), resync: z.boolean(), lease: z.boolean().optional() }),
  z.object({ ok: z.literal(false), code: z.enum(['join', 'replaced']) }),
]);

const leaseRecord = z.object({
  bootId: z.string(),
  renewedAt: z.number(),
  written: z.number(),
  units: z.array(z.object({ unit: z.string(), hash: z.string(), graceMs: z.number(), stopMs: z.number() })),
});

/** Reads the answers to heartbeats. Nearly always one is the last one again: then only that is found out. */
export class HeartbeatReplies {
  #bytes = new Uint8Array();
  #reply: HeartbeatReply | null = null;

  /** Null when it is no answer to a heartbeat: as if nobody had answered. */
  read(data: Uint8Array): HeartbeatReply | null {
    if (Buffer.compare(data, this.#bytes) !== 0) {
      this.#bytes = data.slice();
      this.#reply = parse(heartbeatReply, data, () => undefined);
    }
    return this.#reply;
  }
}

/** What came as an assignment; null when it is none, which `onError` is told. */
export function parseAssignment(data: Uint8Array, onError: (error: unknown) => void): Assignment | null {
  return parse(assignment, data, onError);
}

/** What came as a request for a journal; null when it is none, which `onError` is told. */
export function parseJournalRequest(data: Uint8Array, onError: (error: unknown) => void): JournalRequest | null {
  return parse(journalRequest, data, onError);
}

/** What came as a question for a unit's activity; null when it is none, which `onError` is told. */
export function parseActivityRequest(data: Uint8Array, onError: (error: unknown) => void): ActivityRequest | null {
  return parse(activityRequest, data, onError);
}

/** What came as a wish to run a command; null when it is none, which `onError` is told. */
export function parseExecRequest(data: Uint8Array, onError: (error: unknown) => void): ExecRequest | null {
  return parse(execRequest, data, onError);
}

/** What came from who asked for a command; null when it is nothing of the kind, which `onError` is told. */
export function parseExecMessage(data: Uint8Array, onError: (error: unknown) => void): PipeMessage<ExecInput> | null {
  return parse(execMessage, data, onError);
}

/** What is in a file of leases; null when they are none. */
export function parseLeases(data: Uint8Array): NumberedLeases | null {
  return parse(leaseRecord, data, () => undefined);
}

function parse<T>(schema: z.ZodType<T>, data: Uint8Array, onError: (error: unknown) => void): T | null {
  try {
    return schema.parse(decodeJson(data));
  } catch (error) {
    onError(error);
    return null;
  }
}
