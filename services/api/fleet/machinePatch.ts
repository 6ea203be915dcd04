/** `PATCH /machines`: JSON Patch (RFC 6902) on the metadata of machines. */
import type { MetadataChange } from '../../../shared/domain/machineMetadata.ts';
import { HttpError } from '../httpError.ts';

const metadataPath = /^\/([^/]+)\/metadata\/([A-Za-z0-9_.-]+)$/;

/**
 * The changes, in order. A value is a text, as fleet's documentation has it, or `{"value": text}`, as fleet took it.
 * @throws {HttpError} 400: everything that is wrong with any of the operations.
 */
export function parseMachinePatch(body: unknown): MetadataChange[] {
  if (!Array.isArray(body)) throw new HttpError(400, 'a list of operations is expected');
  const problems: string[] = [];
  const changes = body.flatMap((operation: unknown, index) => {
    const change = parseOperation(operation);
    if (typeof change !== 'string') return [change];
    problems.push(body.length > 1 ? `operation ${index + 1}: ${change}` : change);
    return [];
  });
  if (problems.length > 0) throw new HttpError(400, problems.join('; '));
  return changes;
}

/** The change, or what is wrong with it. */
function parseOperation(operation: unknown): MetadataChange | string {
  const { op, path, value } = Object(operation) as Record<string, unknown>;
  if (op !== 'add' && op !== 'remove' && op !== 'replace') return 'invalid op: expect add, remove, or replace';
  const [, machine, key] = metadataPath.exec(String(path)) ?? [];
  if (machine === undefined || key === undefined) {
    return 'machine metadata path invalid: expect /<machine id>/metadata/<key>';
  }
  if (op === 'remove') return { machine, key, value: null };
  const text = typeof value === 'object' && value !== null && 'value' in value ? value.value : value;
  if (typeof text !== 'string' || text === '') return 'invalid value: add and replace require a value';
  return { machine, key, value: text };
}
