import type { KvStoreStatus } from '../../../shared/protocol/kv.ts';
import { exitCode } from '../../errors.ts';
import { header, printResult } from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';
import { hex, memberJson } from './members.ts';

export async function status(call: Invocation): Promise<number> {
  const { revision, response } = await withStore(call, async (store) => orFail(await store.status()));
  printResult(call, { json: () => statusJson(revision, response), simple: () => linesOf(revision, response) });
  return exitCode.done;
}

function linesOf(revision: number, answer: KvStoreStatus): string[] {
  const { member, leaderId, term, compactRevision, sizeBytes, sizeInUseBytes, alarms } = answer;
  const leads = leaderId === member.id ? 'it leads' : leaderId === '0' ? 'nobody leads' : `${hex(leaderId)} leads`;
  const rows = [
    ['store', `${member.name} (${hex(member.id)}), ${leads}, term ${term}`],
    ['clients', member.clientUrls.join(' ') || 'none'],
    ['revision', `${revision}${compactRevision > 0 ? `, compacted up to ${compactRevision}` : ''}`],
    ['size', `${sizeBytes} bytes, ${sizeInUseBytes} of them in use`],
    ['alarms', alarms.map(({ alarm, member: of }) => `${alarm} of ${hex(of)}`).join(', ') || 'none'],
  ];
  return rows.map(([name = '', value]) => `${name.padEnd(10)}${value}`);
}

function statusJson(revision: number, answer: KvStoreStatus): object {
  return {
    ...header(revision),
    cluster_id: answer.clusterId,
    member: memberJson(answer.member),
    leader: answer.leaderId,
    term: answer.term,
    applied_seq: answer.appliedSeq,
    compact_revision: answer.compactRevision,
    size_bytes: answer.sizeBytes,
    size_in_use_bytes: answer.sizeInUseBytes,
    alarms: answer.alarms,
  };
}
