import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EtcdContext } from './context.ts';
import type { Gateway } from './gateway/gateway.ts';
import { sendJson, sendText } from './httpResponses.ts';

/** etcd's cluster version: the release line whose API this is. */
const clusterVersion = '3.5.0';

/** What etcd has on its client port for who speaks HTTP/1.1: some paths of its own, and the gateway. */
export async function answerHttp(
  context: EtcdContext,
  gateway: Gateway,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const base = 'http://localhost';
  if (!URL.canParse(request.url ?? '', base)) return sendText(response, 400, 'text/plain', 'no such path\n');
  const { pathname, searchParams } = new URL(request.url ?? '', base);
  if (await gateway(request, response, pathname)) return;
  if (request.method !== 'GET' && request.method !== 'HEAD') return sendText(response, 405, 'text/plain', 'only GET\n');
  switch (pathname) {
    case '/version':
      return sendJson(response, 200, { etcdserver: context.version, etcdcluster: clusterVersion });
    case '/health':
      return answerHealth(context, searchParams, response);
    case '/metrics':
      return sendText(response, 200, 'text/plain; version=0.0.4', metricsOf(context));
    default:
      return sendText(response, 404, 'text/plain', '404 page not found\n');
  }
}

/**
 * Healthy is who can say what is true now (`serializable`: or what was), and has no alarm but those that are excluded; as
 * etcd's, "Monitoring etcd".
 */
async function answerHealth({ service }: EtcdContext, asked: URLSearchParams, response: ServerResponse) {
  const excluded = asked.getAll('exclude');
  const alarm = service.store.alarms.find((raised) => !excluded.includes(raised.alarm));
  if (alarm) return sendJson(response, 503, { health: 'false', reason: `ALARM ${alarm.alarm}` });
  const refusal = asked.get('serializable') === 'true' ? null : await service.readBarrier();
  if (refusal === null) return sendJson(response, 200, { health: 'true' });
  return sendJson(response, 503, { health: 'false', reason: refusal.message || refusal.code });
}

function metricsOf({ service, version }: EtcdContext): string {
  const { store, status } = service;
  const { rss } = process.memoryUsage();
  const isLeader = status.leaderId === status.member.id;
  return [
    metric('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', rss),
    metric('process_cpu_seconds_total', 'counter', 'User and system CPU time in seconds.', cpuSeconds()),
    metric('process_start_time_seconds', 'gauge', 'Start of the process, seconds since 1970.', startedAt),
    metric('etcd_server_has_leader', 'gauge', 'Whether a leader is known.', status.leaderId === '0' ? 0 : 1),
    metric('etcd_server_is_leader', 'gauge', 'Whether this store leads.', isLeader ? 1 : 0),
    metric('etcd_server_proposals_applied_total', 'gauge', 'Sequence on the log that is applied.', status.appliedSeq),
    metric('etcd_mvcc_db_total_size_in_bytes', 'gauge', 'Keys and values with their history.', store.sizeBytes),
    metric('etcd_mvcc_db_total_size_in_use_in_bytes', 'gauge', 'Keys and values as they are.', store.sizeInUseBytes),
    metric('etcd_debugging_mvcc_current_revision', 'gauge', 'The current revision.', store.revision),
    metric('etcd_debugging_mvcc_compact_revision', 'gauge', 'The last compaction.', store.compactRevision),
    metric('etcd_server_version', 'gauge', 'Which version is running.', 1, `{server_version="${version}"}`),
  ].join('');
}

function metric(name: string, type: 'gauge' | 'counter', help: string, value: number, labels = ''): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${labels} ${value}\n`;
}

const startedAt = Math.round(performance.timeOrigin / 1000);

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
