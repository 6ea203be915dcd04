/** What a start, a stop or a restart of units brings with it: systemd.unit(5), systemd's transactions. */
import { type DependencyKind, requiringKinds, stoppingKinds, wishingKinds } from './dependencies.ts';
import { closure, type UnitGraph } from './unitGraph.ts';

export interface Job {
  unit: string;
  type: 'start' | 'stop' | 'restart' | 'reload';
  /** Why, for people. */
  reason: string;
}

/** Whether something that happens to the first unit concerns the second: systemd knows one machine only. */
export type Concerns = (unit: string, other: string) => boolean;

/** Whether the unit has ended, or never ran: nothing comes of it for others when it is stopped, or restarted, along. */
export type IsDown = (unit: string) => boolean;

/** The jobs beside those that were asked for, at most one a unit; `concerns` is asked where nothing binds two together. */
export function jobsBeside(
  graph: UnitGraph,
  type: Job['type'],
  asked: readonly string[],
  concerns: Concerns,
  isDown: IsDown,
): Job[] {
  const jobs = new Map<string, Job>();
  if (type === 'stop') spread(graph, jobs, asked, 'stop', concerns, isDown);
  else if (type === 'reload') spreadReload(graph, jobs, asked, concerns);
  else {
    const started = startedWith(graph, asked);
    for (const job of started.values()) jobs.set(job.unit, job);
    stopOpponents(graph, jobs, asked, concerns, isDown);
    if (type === 'restart') spread(graph, jobs, asked, 'restart', concerns, isDown);
  }
  for (const unit of asked) jobs.delete(unit);
  return [...jobs.values()];
}

/** Of what has to start, those that would stop each other: `[unit, other]` each. */
export function clashesIn(graph: UnitGraph, asked: readonly string[], concerns: Concerns): [string, string][] {
  const required = asked.flatMap((unit) => [...closure(unit, (one) => graph.related(one, requiringKinds))]);
  const starting = [...new Set([...asked, ...required])].sort();
  return starting.flatMap((unit) =>
    graph
      .related(unit, ['Conflicts'])
      .filter((other) => unit < other && starting.includes(other) && concerns(unit, other))
      .map((other): [string, string] => [unit, other]),
  );
}

/** What they require, and what they want unless that would be stopped by what has to start. */
function startedWith(graph: UnitGraph, asked: readonly string[]): Map<string, Job> {
  const started = new Map<string, Job>();
  const add = (unit: string, reason: string) => {
    if (!started.has(unit)) started.set(unit, { unit, type: 'start', reason });
  };
  for (const unit of asked) add(unit, '');
  for (const { unit } of started.values()) {
    for (const other of graph.related(unit, requiringKinds)) add(other, `required by ${unit}`);
  }
  for (const { unit } of started.values()) {
    for (const other of graph.related(unit, requiringKinds)) add(other, `required by ${unit}`);
    for (const other of graph.related(unit, wishingKinds)) {
      if (canJoin(graph, started, other)) add(other, `wanted by ${unit}`);
    }
  }
  return started;
}

function canJoin(graph: UnitGraph, started: ReadonlyMap<string, Job>, unit: string): boolean {
  return [unit, ...closure(unit, (one) => graph.related(one, requiringKinds))].every((one) =>
    graph.related(one, ['Conflicts']).every((other) => !started.has(other)),
  );
}

function stopOpponents(
  graph: UnitGraph,
  jobs: Map<string, Job>,
  asked: readonly string[],
  concerns: Concerns,
  isDown: IsDown,
): void {
  const stopped: string[] = [];
  for (const starting of [...asked, ...jobs.keys()]) {
    for (const unit of graph.related(starting, ['Conflicts'])) {
      if (jobs.has(unit) || asked.includes(unit) || !concerns(starting, unit)) continue;
      jobs.set(unit, { unit, type: 'stop', reason: `${starting}, which conflicts with it, was started` });
      stopped.push(unit);
    }
  }
  spread(graph, jobs, stopped, 'stop', concerns, isDown);
}

function spreadReload(graph: UnitGraph, jobs: Map<string, Job>, asked: readonly string[], concerns: Concerns): void {
  const open = [...asked];
  for (let unit = open.shift(); unit !== undefined; unit = open.shift()) {
    for (const other of graph.related(unit, ['PropagatesReloadTo'])) {
      if (jobs.has(other) || asked.includes(other) || !concerns(unit, other)) continue;
      jobs.set(other, { unit: other, type: 'reload', reason: `the reload of ${unit} is propagated to it` });
      open.push(other);
    }
  }
}

const verbs: Partial<Record<DependencyKind, string>> = {
  Requires: 'requires',
  Requisite: 'requires',
  BindsTo: 'is bound to',
  PartOf: 'is part of',
};

/** A stop or a restart of what a unit needs, or is part of, is one of the unit. */
function spread(
  graph: UnitGraph,
  jobs: Map<string, Job>,
  units: readonly string[],
  type: 'stop' | 'restart',
  concerns: Concerns,
  isDown: IsDown,
): void {
  const done = type === 'stop' ? 'stopped' : 'restarted';
  const open = [...units];
  const add = (unit: string, reason: string) => {
    if (jobs.has(unit) || units.includes(unit)) return;
    jobs.set(unit, { unit, type, reason });
    if (!isDown(unit)) open.push(unit);
  };
  for (let unit = open.shift(); unit !== undefined; unit = open.shift()) {
    for (const kind of stoppingKinds) {
      for (const other of graph.relatedTo(unit, [kind])) {
        if (kind !== 'PartOf' || concerns(unit, other)) add(other, `${unit}, which it ${verbs[kind]}, was ${done}`);
      }
    }
    if (type === 'restart') continue;
    for (const other of graph.related(unit, ['PropagatesStopTo'])) {
      if (concerns(unit, other)) add(other, `${unit}, whose stop is propagated to it, was stopped`);
    }
  }
}
