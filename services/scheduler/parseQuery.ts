import { z } from 'zod';
import { decodeJson } from '../../shared/protocol/json.ts';
import type { Query } from '../../shared/protocol/queries.ts';

const common = { minSeq: z.number().optional() };
const units = z.array(z.string());

const query = z.discriminatedUnion('type', [
  z.object({ ...common, type: z.literal('ListUnits') }),
  z.object({ ...common, type: z.literal('ListUnitFiles') }),
  z.object({ ...common, type: z.literal('ListMachines') }),
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
