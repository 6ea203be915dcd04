/** What the store's verbs print: etcdctl's simple form, or JSON with its names. */
import type {
  Bytes,
  DeleteRangeResponse,
  KeyValue,
  LeaseId,
  PutResponse,
  RangeResponse,
} from '../../shared/domain/kv.ts';
import { leaseToHex } from '../../shared/domain/kvKeys.ts';
import type { Invocation } from '../verb.ts';

type Call = Pick<Invocation, 'options' | 'io'>;

function wantsJson({ options }: Call): boolean {
  const format = options.choice('writeOut', ['simple', 'json']);
  return format === 'json' || options.flag('json');
}

/** Prints lines of text or of bytes, or one line of JSON. */
export function printResult(call: Call, { json, simple }: { json: () => object; simple: () => Bytes[] }): void {
  if (wantsJson(call)) call.io.out(JSON.stringify(json()));
  else printLines(call, simple());
}

/** Keys and values as they are, whatever bytes are in them. */
function printLines({ io }: Call, lines: readonly Bytes[]): void {
  if (lines.length > 0) io.write(Buffer.from(`${lines.join('\n')}\n`, 'latin1'));
}

export function keyAndValue({ key, value }: KeyValue): Bytes[] {
  return [key, value];
}

export function header(revision: number): { header: { revision: number } } {
  return { header: { revision } };
}

/** What is empty or zero is left out, as in etcdctl's. */
export function kvJson({ key, value, createRevision, modRevision, version, lease }: KeyValue): object {
  return {
    key: base64(key),
    ...(createRevision > 0 ? { create_revision: createRevision } : {}),
    mod_revision: modRevision,
    ...(version > 0 ? { version } : {}),
    ...(value === '' ? {} : { value: base64(value) }),
    ...(lease === '0' ? {} : { lease }),
  };
}

export function rangeJson(revision: number, { kvs, count, more }: RangeResponse): object {
  return { ...header(revision), kvs: kvs.map(kvJson), ...(more ? { more } : {}), count };
}

export function putJson(revision: number, { prevKv }: PutResponse): object {
  return { ...header(revision), ...(prevKv ? { prev_kv: kvJson(prevKv) } : {}) };
}

export function putLines({ prevKv }: PutResponse): Bytes[] {
  return ['OK', ...(prevKv ? keyAndValue(prevKv) : [])];
}

export function deleteJson(revision: number, { deleted, prevKvs }: DeleteRangeResponse): object {
  return { ...header(revision), deleted, ...(prevKvs.length > 0 ? { prev_kvs: prevKvs.map(kvJson) } : {}) };
}

export function deleteLines({ deleted, prevKvs }: DeleteRangeResponse): Bytes[] {
  return [String(deleted), ...prevKvs.flatMap(keyAndValue)];
}

export function base64(bytes: Bytes): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}

/** As etcdctl shows leases. */
export function shownLease(lease: LeaseId): string {
  return leaseToHex(lease).padStart(16, '0');
}

export function leaseJson(lease: LeaseId): object {
  return { id: lease, hex: shownLease(lease) };
}
