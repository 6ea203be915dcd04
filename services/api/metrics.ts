/** `/metrics`: the cluster in Prometheus' text format 0.0.4 (prometheus.io, "Exposition formats"). */
import type { FastifyInstance } from 'fastify';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { ActiveState } from '../../shared/domain/events.ts';
import { version } from '../../shared/version.ts';
import type { ClusterReader } from './clusterReader.ts';

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

interface Sample {
  labels?: Record<string, string>;
  value: number;
}

interface Metric {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  samples: Sample[];
}

/** Also when the log cannot be read: how far this service is behind is worth knowing most of all then. */
export function serveMetrics(app: FastifyInstance, reader: ClusterReader): void {
  app.get('/metrics', async (_request, reply) => {
    const last = await reader.logEnd().catch(() => null);
    const log: Metric[] = [
      gauge('flotilla_log_applied_sequence', 'The log up to here is in the other numbers.', [{ value: reader.seq }]),
      gauge('flotilla_log_last_sequence', 'Where the log ends; NaN: it does not answer.', [
        { value: last ?? Number.NaN },
      ]),
      { ...counted(reader.commands), name: 'flotilla_commands_total', type: 'counter' },
    ];
    return reply.type(metricsType).send(render([...metricsOf(reader.state), ...log]));
  });
}

function counted(commands: ReadonlyMap<string, number>): Pick<Metric, 'help' | 'samples'> {
  const samples = [...commands].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    help: 'Commands that changed something, as read from the log since this service started.',
    samples: samples.map(([command, value]) => ({ labels: { command }, value })),
  };
}

function metricsOf(state: ClusterState): Metric[] {
  const { leader, cluster } = state;
  const machines = countBy(
    ['ready', 'lost', 'left'],
    [...state.machines.values()].map((machine) => machine.state),
  );
  const desired = countBy(
    ['inactive', 'loaded', 'launched'],
    [...state.units.values()].map((unit) => unit.desired),
  );
  return [
    gauge('flotilla_info', 'The version of this service, and the cluster.', [
      { labels: { cluster, version }, value: 1 },
    ]),
    gauge(
      'flotilla_leader',
      'The scheduler that leads.',
      leader ? [{ labels: { scheduler: leader.id }, value: 1 }] : [],
    ),
    gauge('flotilla_leader_epoch', 'Grows with each election.', [{ value: leader?.epoch ?? 0 }]),
    gauge('flotilla_machines', 'Machines by state.', labelled('state', machines)),
    gauge('flotilla_machines_cordoned', 'Machines that take no new units.', [{ value: state.cordons.size }]),
    gauge('flotilla_units', 'Units by what is wished of them.', labelled('desired', desired)),
    gauge('flotilla_unit_copies', 'Copies of units on machines by their active state, as the nodes say.', [
      ...labelled('active', activeStates(state)),
    ]),
    gauge('flotilla_units_waiting', 'Units that wish a machine and find none.', [{ value: homeless(state) }]),
    gauge('flotilla_units_moving', 'Units that are on their way to another machine.', [{ value: state.moving.size }]),
    gauge('flotilla_units_failing', 'Units with RescheduleAfter= that keep failing.', [{ value: state.failing.size }]),
    gauge('flotilla_rollouts', 'Rolling replacements that are under way.', [
      { value: [...state.rollouts.values()].filter(({ ended }) => ended === undefined).length },
    ]),
  ];
}

const actives: readonly ActiveState[] = ['active', 'reloading', 'inactive', 'failed', 'activating', 'deactivating'];

function activeStates(state: ClusterState): Map<string, number> {
  const counts = countBy(actives, []);
  for (const reports of state.reports.values()) {
    for (const { active } of reports.values()) counts.set(active, (counts.get(active) ?? 0) + 1);
  }
  return counts;
}

/** A global unit always waits for further machines. */
function homeless(state: ClusterState): number {
  const names = [...state.waiting.keys(), ...state.pending.keys()];
  return names.filter((name) => Object.keys(state.units.get(name)?.machines ?? {}).length === 0).length;
}

/** Each of the keys is there, also where there is none of it: a line that appears and vanishes cannot be watched. */
function countBy(keys: readonly string[], values: readonly string[]): Map<string, number> {
  const counts = new Map(keys.map((key) => [key, 0]));
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function labelled(label: string, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([value, number]) => ({ labels: { [label]: value }, value: number }));
}

function gauge(name: string, help: string, samples: Sample[]): Metric {
  return { name, type: 'gauge', help, samples };
}

function render(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(({ labels, value }) => `${name}${renderLabels(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function renderLabels(labels: Record<string, string> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
