import type { ResponseOp, TxnResponse } from '../../../shared/domain/kv.ts';
import { decodeUtf8 } from '../../../shared/domain/utf8.ts';
import { exitCode, UsageError } from '../../errors.ts';
import {
  deleteJson,
  deleteLines,
  header,
  keyAndValue,
  printResult,
  putJson,
  putLines,
  rangeJson,
} from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import { parseTxn } from '../../kv/txnSyntax.ts';
import type { Invocation } from '../../verb.ts';

/** Succeeds whichever branch was taken: the output says which. */
export async function txn(call: Invocation): Promise<number> {
  const text = decodeUtf8(await call.io.read());
  if (text === null) throw new UsageError('the standard input is no text in UTF-8');
  const request = parseTxn(text);
  const { revision, response } = await withStore(call, async (store) => orFail(await store.txn(request)));
  printResult(call, { json: () => txnJson(revision, response), simple: () => txnLines(response) });
  return exitCode.done;
}

function txnLines({ succeeded, responses }: TxnResponse): string[] {
  return [succeeded ? 'SUCCESS' : 'FAILURE', ...responses.flatMap((response) => ['', ...operationLines(response)])];
}

function operationLines(response: ResponseOp): string[] {
  switch (response.type) {
    case 'Range':
      return response.kvs.flatMap(keyAndValue);
    case 'Put':
      return putLines(response);
    case 'DeleteRange':
      return deleteLines(response);
    case 'Txn':
      return txnLines(response);
    default:
      return response satisfies never;
  }
}

function txnJson(revision: number, { succeeded, responses }: TxnResponse): object {
  return { ...header(revision), succeeded, responses: responses.map((response) => operationJson(revision, response)) };
}

function operationJson(revision: number, response: ResponseOp): object {
  switch (response.type) {
    case 'Range':
      return { response_range: rangeJson(revision, response) };
    case 'Put':
      return { response_put: putJson(revision, response) };
    case 'DeleteRange':
      return { response_delete_range: deleteJson(revision, response) };
    case 'Txn':
      return { response_txn: txnJson(revision, response) };
    default:
      return response satisfies never;
  }
}
