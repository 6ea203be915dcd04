/** Random histories of a small cluster, crowded enough that units get in each other's way. */
import fc from 'fast-check';
import type { ClusterCommand } from '../../shared/domain/cluster.ts';
import { amongClusterUnits, type Dependencies } from '../../shared/domain/dependencies.ts';
import type { ClusterEvent, DrainMode, Event, MachineFacts, NodeEvent } from '../../shared/domain/events.ts';
import type { UnitCommand, UnitSubmission } from '../../shared/domain/unit.ts';
import type { Placement, Resources } from '../../shared/domain/unitSpec.ts';
import { joined, machineFacts, placed, report, submission, submitted } from './samples.ts';

/** `constructor` is what a table that is a plain object would stumble over, `1` what it would put first. */
export const machineIds = ['m2', '1', 'm1', 'constructor'];
export const unitNames = ['a1.service', 'a2.service', 'a3.service', 'b1.service', 'b2.service', 'b3.service'];

export const machineId = fc.constantFrom(...machineIds);
export const unitName = fc.constantFrom(...unitNames);
const zone = fc.constantFrom('x', 'y');

const demands: fc.Arbitrary<Partial<Placement>>[] = [
  fc.constant({}),
  fc.constant({ runtimes: ['docker'] }),
  fc.uniqueArray(zone, { minLength: 1 }).map((values) => ({ metadata: [{ key: 'zone', values }] })),
  fc.constantFrom('a*', 'b1.service', 'b[1-2].service', '*2.service').map((glob) => ({ conflicts: [glob] })),
  fc.constantFrom('a1.service', 'b*', '*3.service').map((glob) => ({ replaces: [glob] })),
];
const bindings: fc.Arbitrary<Partial<Placement>>[] = [
  fc.constant({}),
  unitName.map((machineOf) => ({ machineOf })),
  machineId.map((id) => ({ machineId: id })),
  fc.constant({ global: true }),
];
const placement = fc
  .tuple(fc.oneof(...demands), fc.oneof(...demands), fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, ...bindings))
  .map(([one, other, binding]) => possible({ ...one, ...other, ...binding }));

/** What no unit file can say together is not said. */
function possible({ replaces, ...rest }: Partial<Placement>): Partial<Placement> {
  const isLone = replaces === undefined || rest.global || rest.conflicts || rest.machineOf;
  return isLone ? rest : { ...rest, replaces };
}

const resources: fc.Arbitrary<Resources> = fc.record(
  { memoryBytes: fc.constantFrom(10, 30, 60), cpus: fc.constantFrom(0.1, 0.2, 0.3, 1 / 3) },
  { requiredKeys: [] },
);

const kinds = ['Requires', 'BindsTo', 'Wants', 'PartOf', 'Conflicts', 'After', 'RequiredBy'] as const;
const dependencies: fc.Arbitrary<Dependencies> = fc
  .dictionary(fc.constantFrom(...kinds), fc.uniqueArray(unitName, { minLength: 1, maxLength: 2 }), { maxKeys: 2 })
  .map((stated) => ({ ...stated }));

export const submissions: fc.Arbitrary<UnitSubmission> = fc
  .tuple(unitName, placement, resources, fc.constantFrom('a', 'b', 'c'), fc.option(dependencies, { freq: 2 }))
  .map(([name, where, what, body, stated]) => {
    // The parser refuses a unit that follows itself.
    const { machineOf, ...others } = where as Partial<Placement>;
    const follows = machineOf === undefined || machineOf === name ? {} : { machineOf };
    const among = amongClusterUnits(name, stated ?? {});
    const place = { ...others, ...follows };
    const text = body + hashOf([place, what, among ?? {}]);
    return submission(name, place, { resources: what, body: text, ...(among ? { dependencies: among } : {}) });
  });

/** Another text, another hash. */
function hashOf(stated: unknown): string {
  return [...JSON.stringify(stated)].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 999_983, 7).toString(36);
}

export const facts: fc.Arbitrary<MachineFacts> = fc
  .record({
    machine: machineId,
    session: fc.constantFrom('s1', 's2'),
    zone,
    runtimes: fc.constantFrom<string[]>(['process'], ['process', 'docker']),
    capacity: fc.constantFrom<Resources>({}, { memoryBytes: 100 }, { memoryBytes: 60, cpus: 0.6 }),
  })
  .map(({ machine, zone: value, ...changes }) => machineFacts(machine, { ...changes, metadata: { zone: value } }));

const verbs = ['SubmitUnits', 'LoadUnits', 'StartUnits'] as const;
const bareVerbs = ['StopUnits', 'UnloadUnits', 'RestartUnits', 'ReloadUnits', 'DestroyUnits'] as const;
const withFiles = fc
  .tuple(fc.constantFrom(...verbs), fc.array(submissions, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([type, files, replace]): UnitCommand => {
    return { type, replace, units: files.map((file) => ({ name: file.name, submission: file })) };
  });
const withoutFiles = fc
  .tuple(fc.constantFrom(...verbs.slice(1), ...bareVerbs), fc.array(unitName, { minLength: 1, maxLength: 2 }))
  .map(([type, names]): UnitCommand => ({ type, units: names.map((name) => ({ name })) }));

const nodeEvents: fc.Arbitrary<NodeEvent> = fc
  .tuple(fc.constantFrom('synced', 'reported', 'forgotten'), machineId, unitName, fc.nat(30))
  .map(([what, machine, unit, goal]): NodeEvent => {
    if (what === 'synced') return { type: 'NodeSynced', machine, session: 's1', reason: 'joined' };
    if (what === 'forgotten') return { type: 'UnitStateForgotten', machine, unit, reason: 'stopped' };
    return { type: 'UnitStateReported', machine, ...report(unit, { goal }) };
  });

const cordons: fc.Arbitrary<ClusterCommand> = fc
  .tuple(machineId, fc.constantFrom('no', 'one-by-one', 'at-once', 'uncordon'))
  .map(([machine, how]) => {
    if (how === 'uncordon') return { type: 'UncordonMachines', machines: [machine] };
    return { type: 'CordonMachines', machines: [machine], reason: 'repairs', drain: how as DrainMode };
  });

export type Action =
  | { kind: 'command'; command: ClusterCommand }
  | { kind: 'lose'; machine: string }
  | { kind: 'node'; event: NodeEvent };

const command = (commands: fc.Arbitrary<ClusterCommand>) =>
  commands.map((value): Action => ({ kind: 'command', command: value }));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: command(withFiles) },
  { weight: 5, arbitrary: command(withoutFiles) },
  { weight: 4, arbitrary: command(facts.map((join) => ({ type: 'JoinMachine', ...join }) as const)) },
  { weight: 1, arbitrary: command(facts.map(leave)) },
  { weight: 2, arbitrary: command(cordons) },
  { weight: 2, arbitrary: machineId.map((machine) => ({ kind: 'lose', machine }) as const) },
  { weight: 2, arbitrary: nodeEvents.map((event) => ({ kind: 'node', event }) as const) },
);

function leave({ machine, session }: MachineFacts): ClusterCommand {
  return { type: 'LeaveMachine', machine, session, reason: 'shut down' };
}

/** What happens to a cluster, in order. */
export const actions = fc.array(action, { minLength: 1, maxLength: 40, size: 'max' });

const unitEvents = fc.tuple(unitName, machineId, fc.nat(14)).map(([unit, machine, pick]): ClusterEvent => {
  const reason = 'because';
  const events: ClusterEvent[] = [
    { type: 'UnitDestroyed', unit },
    { type: 'UnitLaunchRequested', unit },
    { type: 'UnitLoadRequested', unit },
    { type: 'UnitUnloadRequested', unit },
    { type: 'UnitRestartRequested', unit },
    { type: 'UnitReloadRequested', unit },
    { type: 'UnitAwaitEnded', unit, machine, reason },
    { ...placed(unit, machine), awaits: 'm1' },
    { type: 'UnitEvicted', unit, machine, reason },
    { type: 'UnitEvicted', unit, machine, reason, move: {} },
    { type: 'MachineCordoned', machine, reason, drain: 'one-by-one' },
    { type: 'MachineUncordoned', machine },
    { type: 'UnitLeftWaiting', unit, rejected: { [reason]: 1 } },
    { type: 'MachineLost', machine, reason },
  ];
  return events[pick] ?? placed(unit, machine);
});

/** Events in an order that no scheduler would write. */
export const anyEvents: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: submissions.map(submitted) },
    { weight: 2, arbitrary: facts.map(({ machine, ...changes }) => joined(machine, changes)) },
    { weight: 8, arbitrary: unitEvents },
    { weight: 2, arbitrary: nodeEvents },
  ),
  { maxLength: 60, size: 'max' },
);
