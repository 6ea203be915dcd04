import * as z from 'zod';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { Query } from '../../shared/protocol/queries.ts';

const common = { minSeq: z.number().optional() };
const units = z.array(z.string());
const point = z.union([z.object({ seq: z.number() }), z.object({ at: z.number() })]);

const query = z.discriminatedUnion('type', [
  z.object({ ...common, type: z.literal('ListUnits') }),
  z.object({ ...common, type: z.literal('ListUnitFiles') }),
  z.object({ ...common, type: z.literal('ListTimers') }),
  z.object({ ...common, type: z.literal('ListMachines') }),
  z.object({ ...common, type: z.literal('ExplainUnit'), unit: z.string(), as: point.optional() }),
  z.object({ ...common, type: z.literal('GetDrain'), machine: z.string() }),
  z.object({ ...common, type: z.literal('PlanRebalance'), maxMoves: z.number().int().min(1).max(100_000) }),
  z.object({ ...common, type: z.literal('GetRollout'), unit: z.string() }),
  z.object({ ...common, type: z.literal('GetRebalance') }),
  z.object({ ...common, type: z.literal('GetUnits'), units }),
  z.object({
    ...common,
    type: z.literal('WaitUnits'),
    units,
    until: z.enum(['launched', 'loaded', 'inactive', 'gone']),
    timeoutMs: z.number().min(0),
  }),
  z.object({ ...common, type: z.literal('GetStatus') }),
]);

/** Reads what somebody sent as a query, or says what is wrong with it. */
export function parseQuery(data: Uint8Array): Query | { problem: string } {
  try {
    return query.parse(decodeJson(data));
  } catch (error) {
    const issues = error instanceof z.ZodError ? error.issues.map(({ message }) => message).join('; ') : String(error);
    return { problem: `this scheduler does not understand the query (${issues}); is the client of another version?` };
  }
}
