import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Graph, stateOf, submissionsOf } from '../../test/support/dependentUnits.ts';
import { submission } from '../../test/support/samples.ts';
import { decide } from './cluster.ts';
import type { ClusterEvent, EventType } from './events.ts';
import { eventsBeside } from './eventsBeside.ts';
import { isRejection } from './rejection.ts';
import { jobsBeside } from './transaction.ts';
import type { UnitCommand } from './unit.ts';
import { UnitGraph } from './unitGraph.ts';

type Verb = Exclude<UnitCommand['type'], 'SubmitUnits' | 'LoadUnits'>;

/** `b starts: required by a.service`, beside what was asked for. */
function besides(graph: Graph, launched: string[], type: Verb, ...names: string[]): string[] {
  const units = names.map((name) => ({ name: `${name}.service` }));
  const decided = decide(stateOf(graph, launched), { type, units });
  assert.ok(!isRejection(decided));
  return told(decided);
}

function told(events: readonly ClusterEvent[]): string[] {
  return events.flatMap((event) => {
    const what = words[event.type];
    return what && 'unit' in event && 'reason' in event ? [`${event.unit.split('.')[0]} ${what}: ${event.reason}`] : [];
  });
}

const words: Partial<Record<EventType, string>> = {
  UnitLaunchRequested: 'starts',
  UnitLoadRequested: 'stops',
  UnitRestartRequested: 'restarts',
};

describe('a new version of a launched unit', () => {
  const graph = { a: {}, b: {}, c: { Requires: ['b'] }, d: {} };
  const change = (launched: string[], ...names: string[]) => {
    const units = names.map((name) => {
      const dependencies = { Conflicts: ['b.service'], Requires: ['d.service'] };
      return { name: `${name}.service`, submission: submission(`${name}.service`, {}, { body: 'new', dependencies }) };
    });
    const decided = decide(stateOf(graph, launched), { type: 'SubmitUnits', units, replace: true });
    assert.ok(!isRejection(decided));
    return told(decided);
  };

  test('starts by itself: what it conflicts with on its machine stops, and what it requires starts', () => {
    assert.deepEqual(change(['a', 'b', 'c'], 'a'), [
      'd starts: required by a.service',
      'b stops: a.service, which conflicts with it, was started',
      'c stops: b.service, which it requires, was stopped',
    ]);
  });

  test('does nothing to others where the unit is not launched', () => {
    assert.deepEqual(change(['b', 'c'], 'a'), []);
  });

  test('is refused together with one of another that it would stop', () => {
    const units = submissionsOf({ a: { Conflicts: ['b'] }, b: { Wants: ['a'] } }).map((file) => ({
      name: file.name,
      submission: { ...file, hash: 'new' },
    }));
    const decided = decide(stateOf(graph, ['a', 'b']), { type: 'SubmitUnits', units, replace: true });
    assert.ok(isRejection(decided));
    assert.match(decided.message, /units that stop each other cannot be started together/);
  });
});

describe('a start', () => {
  test('starts what is required and wanted, and what they require and want, with the reason', () => {
    const graph = { a: { Requires: ['b'], Wants: ['c'] }, b: { BindsTo: ['d'] }, c: { Upholds: ['e'] }, d: {}, e: {} };
    assert.deepEqual(besides(graph, [], 'StartUnits', 'a'), [
      'b starts: required by a.service',
      'd starts: required by b.service',
      'c starts: wanted by a.service',
      'e starts: wanted by c.service',
    ]);
  });

  test('leaves alone what runs, what is unknown, and what is only ordered or part of it', () => {
    const graph = {
      a: { Requires: ['b'], Wants: ['z'], After: ['c'] },
      b: {},
      c: { PartOf: ['a'] },
    };
    assert.deepEqual(besides(graph, ['b'], 'StartUnits', 'a'), []);
  });

  test('starts what says in [Install] that it belongs to it, once that is loaded', () => {
    const graph = { a: {}, b: { RequiredBy: ['a'] }, c: { WantedBy: ['a'] } };
    assert.deepEqual(besides(graph, [], 'StartUnits', 'a'), []);
    assert.deepEqual(besides(graph, [], 'StartUnits', 'a', 'b'), []);
  });

  test('stops what it conflicts with on its machine, whichever says so, and what requires that', () => {
    const graph = { a: {}, b: { Conflicts: ['a'] }, c: { Requires: ['b'] }, d: { Wants: ['b'] } };
    // `a` is loaded there already.
    const state = { graph, launched: ['a', 'b', 'c', 'd'] };
    assert.deepEqual(besides(state.graph, ['b', 'c', 'd', 'a'], 'RestartUnits', 'a'), [
      'b stops: a.service, which conflicts with it, was started',
      'c stops: b.service, which it requires, was stopped',
    ]);
  });

  test('of units that would stop each other on their machine is refused', () => {
    const state = stateOf({ a: { Requires: ['b'] }, b: {}, c: { Conflicts: ['b'] } }, ['a', 'b', 'c']);
    const units = [{ name: 'a.service' }, { name: 'c.service' }];
    const refusal = decide(state, { type: 'RestartUnits', units });
    assert.match(JSON.stringify(refusal), /b\.service and c\.service conflict, and are on one machine/);
  });

  test('does not start what is wanted but conflicts with what has to start', () => {
    const graph = { a: { Requires: ['b'], Wants: ['c'] }, b: { Conflicts: ['c'] }, c: {} };
    assert.deepEqual(besides(graph, [], 'StartUnits', 'a'), ['b starts: required by a.service']);
  });
});

describe('a reload', () => {
  test('reloads what it is propagated to, and what that propagates it to, if that runs and can be reloaded', () => {
    const graph = {
      a: { PropagatesReloadTo: ['b', 'c'] },
      b: {},
      c: { PropagatesReloadTo: ['b'] },
      d: { ReloadPropagatedFrom: ['c'] },
    };
    const jobs = jobsBeside(
      new UnitGraph(stateOf(graph)),
      'reload',
      ['a.service'],
      () => true,
      () => false,
    );
    assert.deepEqual(
      jobs.map(({ unit, reason }) => `${unit}: ${reason}`),
      [
        'b.service: the reload of a.service is propagated to it',
        'c.service: the reload of a.service is propagated to it',
        'd.service: the reload of c.service is propagated to it',
      ],
    );
    // None of them says how.
    assert.deepEqual(eventsBeside(stateOf(graph, ['a', 'b']), 'ReloadUnits', [{ name: 'a.service' }]), []);
  });
});

describe('a stop', () => {
  const graph = {
    db: { PropagatesStopTo: ['proxy'] },
    web: { Requires: ['db'] },
    page: { BindsTo: ['web'] },
    job: { PartOf: ['db'] },
    wish: { Wants: ['db'], After: ['db'] },
    idle: { Requires: ['db'] },
    proxy: {},
  };
  const launched = ['db', 'web', 'page', 'job', 'wish', 'proxy'];

  test('goes on from what runs, and not beyond what does not', () => {
    const some = launched.filter((name) => name !== 'web');
    assert.deepEqual(besides(graph, some, 'StopUnits', 'db'), [
      'job stops: db.service, which it is part of, was stopped',
      'proxy stops: db.service, whose stop is propagated to it, was stopped',
    ]);
  });

  test('stops what needs the unit, is part of it, or is told so, through any number of steps', () => {
    const expected = [
      'web stops: db.service, which it requires, was stopped',
      'job stops: db.service, which it is part of, was stopped',
      'proxy stops: db.service, whose stop is propagated to it, was stopped',
      'page stops: web.service, which it is bound to, was stopped',
    ];
    for (const verb of ['StopUnits', 'UnloadUnits', 'DestroyUnits'] as const) {
      assert.deepEqual(besides(graph, launched, verb, 'db'), expected);
    }
  });

  test('as a restart restarts them, but not what only its stop is propagated to', () => {
    assert.deepEqual(besides(graph, launched, 'RestartUnits', 'db'), [
      'web restarts: db.service, which it requires, was restarted',
      'job restarts: db.service, which it is part of, was restarted',
      'page restarts: web.service, which it is bound to, was restarted',
    ]);
  });
});
