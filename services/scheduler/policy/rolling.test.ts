import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decide, evolve } from '../../../shared/domain/cluster.ts';
import { type ClusterState, draft, initialState } from '../../../shared/domain/clusterState.ts';
import type { Event } from '../../../shared/domain/events.ts';
import { isRejection } from '../../../shared/domain/rejection.ts';
import { decideRollout, isRollingOut, type RolloutTerms } from '../../../shared/domain/rollout.ts';
import { restoreState, serializeState } from '../../../shared/domain/serializeState.ts';
import { isWell, type UnitSubmission } from '../../../shared/domain/unit.ts';
import { joined, placed, report, submission, submitted } from '../../../test/support/samples.ts';
import { reconcile } from './reconcile.ts';
import type { Task } from './work.ts';

const nameOf = (index: number) => `w@${index}.service`;
const versionOf = (name: string, body: string): UnitSubmission => submission(name, {}, { body });

/** A cluster whose units run the version `a`, and whose nodes do what the test says. */
class Played {
  state: ClusterState = initialState();
  at = 1_000_000;
  #seq = 0;

  readonly names: string[];

  constructor(names: string[]) {
    this.names = names;
    this.tell(joined('m1'), joined('m2'));
    for (const [index, name] of names.entries()) {
      this.tell(submitted(versionOf(name, 'a')), { type: 'UnitLaunchRequested', unit: name });
      this.tell(placed(name, `m${1 + (index % 2)}`));
      this.becomes(name, 'active');
    }
  }

  tell(...events: Event[]): void {
    for (const event of events) evolve(this.state, event, { seq: ++this.#seq, at: this.at });
  }

  becomes(name: string, active: 'active' | 'failed' | 'activating'): void {
    const unit = this.state.units.get(name);
    const [machine = ''] = Object.keys(unit?.machines ?? {});
    const said = report(name, {
      goal: unit?.goal ?? 0,
      active,
      sub: active,
      result: active === 'failed' ? 'exit-code' : 'success',
    });
    this.tell({ type: 'UnitStateReported', machine, ...said });
  }

  begin(body: string, terms: RolloutTerms): void {
    const units = this.names.map((name) => ({ name, submission: versionOf(name, body) }));
    const events = decideRollout(this.state, `to-${body}`, { units, terms });
    assert.ok(!isRejection(events), JSON.stringify(events));
    this.tell(...events);
  }

  /** One round of the leader. */
  round(): Task[] {
    const moment = { seq: this.#seq + 1, at: this.at };
    const tasks = reconcile(draft(this.state), { includeWaiting: true, maxTasks: 1_000, moment });
    this.tell(...tasks);
    return tasks;
  }

  bodies(): string[] {
    return this.names.map((name) => (this.state.units.get(name)?.text ?? '').match(/\/bin\/(\w+)/)?.[1] ?? '-');
  }

  /** Those that nobody could use now. */
  down(): string[] {
    return this.names.filter((name) => {
      const unit = this.state.units.get(name);
      const [machine = ''] = Object.keys(unit?.machines ?? {});
      return !unit || !isWell(unit, this.state.reports.get(machine)?.get(name));
    });
  }
}

const terms = { maxUnavailable: 1, settleMs: 5_000, timeoutMs: 60_000 };
const stepped = (tasks: Task[]) => tasks.flatMap((task) => (task.type === 'RolloutStepped' ? task.units : []));

describe('a rolling replacement', () => {
  test('replaces the next unit when the one before has been well for long enough', () => {
    const cluster = new Played([1, 2, 3].map(nameOf));
    cluster.begin('b', terms);
    assert.deepEqual(stepped(cluster.round()), [nameOf(1)]);
    assert.deepEqual(cluster.bodies(), ['b', 'a', 'a']);
    assert.deepEqual(cluster.round(), []);
    cluster.becomes(nameOf(1), 'active');
    assert.deepEqual(
      cluster.round().map(({ type }) => type),
      ['RolloutUnitsWell'],
    );
    cluster.at += 4_999;
    assert.deepEqual(cluster.round(), []);
    cluster.at += 1;
    assert.deepEqual(stepped(cluster.round()), [nameOf(2)]);
  });

  test('that is stopped gives what it changed its old version back, or leaves every unit as it is', () => {
    const begun = () => {
      const cluster = new Played([1, 2, 3].map(nameOf));
      cluster.begin('b', terms);
      cluster.round();
      return cluster;
    };
    const stop = (cluster: Played, keep: boolean) => {
      const units = [{ name: nameOf(3) }];
      const events = decide(cluster.state, { type: 'StopRollouts', units, reason: 'too slow', keep });
      assert.ok(!isRejection(events), JSON.stringify(events));
      cluster.tell(...events);
      return events.length;
    };
    const back = begun();
    assert.equal(stop(back, false), 1);
    assert.deepEqual(stepped(back.round()), [nameOf(1)]);
    assert.equal(stop(back, false), 0, 'it is on its way back already');
    back.becomes(nameOf(1), 'active');
    back.round();
    back.at += 5_000;
    back.round();
    assert.deepEqual(back.bodies(), ['a', 'a', 'a']);
    assert.deepEqual(back.state.rollouts.get('to-b')?.ended, { outcome: 'rolled-back', reason: 'too slow' });

    const kept = begun();
    stop(kept, true);
    kept.becomes(nameOf(1), 'failed');
    assert.deepEqual([kept.round(), kept.bodies()], [[], ['b', 'a', 'a']]);
    const again = decide(kept.state, { type: 'StopRollouts', units: [{ name: nameOf(1) }], reason: '' });
    assert.ok(isRejection(again));
    assert.deepEqual([again.code, again.details], ['no-rollout', [`${nameOf(1)}: no replacement of it is under way`]]);
  });

  test('waits again for a unit that was well and is not any more, and gives up in the end', () => {
    const cluster = new Played([1, 2].map(nameOf));
    cluster.begin('b', terms);
    cluster.round();
    for (let flaps = 0; flaps < 5; flaps++) {
      cluster.becomes(nameOf(1), 'active');
      cluster.round();
      cluster.at += 3_000;
      cluster.becomes(nameOf(1), 'activating');
      assert.deepEqual(stepped(cluster.round()), []);
    }
    cluster.at += 60_000;
    const [turned] = cluster.round();
    assert.ok(turned?.type === 'RolloutTurned');
    assert.equal(turned.reason, `${nameOf(1)} was not well within 60 s of its new version`);
  });

  test('gives those that were changed their old version back when one fails, and leaves the others alone', () => {
    const cluster = new Played([1, 2, 3].map(nameOf));
    cluster.begin('b', terms);
    cluster.round();
    cluster.becomes(nameOf(1), 'active');
    cluster.round();
    cluster.at += 5_000;
    cluster.round();
    cluster.becomes(nameOf(2), 'failed');
    assert.deepEqual(stepped(cluster.round()), [nameOf(2)], 'the broken one first');
    cluster.becomes(nameOf(2), 'active');
    cluster.round();
    cluster.at += 5_000;
    assert.deepEqual(stepped(cluster.round()), [nameOf(1)]);
    cluster.becomes(nameOf(1), 'active');
    cluster.round();
    cluster.at += 5_000;
    assert.deepEqual(cluster.round(), [
      { type: 'RolloutEnded', rollout: 'to-b', outcome: 'rolled-back', reason: `${nameOf(2)} failed (exit-code)` },
    ]);
    assert.deepEqual(cluster.bodies(), ['a', 'a', 'a']);
  });

  test('leaves alone what somebody gives a third version, stops or destroys meanwhile', () => {
    const cluster = new Played([1, 2, 3, 4].map(nameOf));
    cluster.begin('b', { ...terms, settleMs: 0 });
    cluster.round();
    cluster.tell(submitted(versionOf(nameOf(2), 'c')), { type: 'UnitDestroyed', unit: nameOf(3) });
    cluster.tell({ type: 'UnitLoadRequested', unit: nameOf(4) });
    cluster.becomes(nameOf(1), 'active');
    for (let rounds = 0; isRollingOut(cluster.state) && rounds < 9; rounds++) cluster.round();
    assert.equal(cluster.state.rollouts.get('to-b')?.ended?.outcome, 'replaced');
    assert.deepEqual(cluster.bodies(), ['b', 'c', '-', 'a']);
  });

  test('turns where a new version is refused beside the versions of the others, and says why', () => {
    const [first, second] = [nameOf(1), nameOf(2)];
    const cluster = new Played([first, second]);
    const replacing = (name: string, other: string, body: string) => ({
      name,
      submission: submission(name, { replaces: [other] }, { body }),
    });
    cluster.tell(submitted(replacing(second, first, 'a').submission));
    cluster.becomes(second, 'active');
    const units = [replacing(first, second, 'b'), { name: second, submission: versionOf(second, 'b') }];
    const events = decideRollout(cluster.state, 'to-b', { units, terms });
    assert.ok(!isRejection(events), 'together they may be');
    cluster.tell(...events);
    const why =
      `units replace each other in a circle: ${first} → ${second} → ${first}; ` +
      `${first} replaces ${second}; ${second} replaces ${first}`;
    assert.deepEqual(cluster.round(), [
      { type: 'RolloutStepped', rollout: 'to-b', units: [], refused: { [first]: why } },
    ]);
    const reason = `${first} cannot have its new version: ${why}`;
    assert.deepEqual(cluster.round(), [
      { type: 'RolloutTurned', rollout: 'to-b', reason },
      { type: 'RolloutEnded', rollout: 'to-b', outcome: 'rolled-back', reason },
    ]);
    assert.deepEqual([cluster.round(), cluster.bodies()], [[], ['a', 'a']]);
  });

  test('ends where an old version is refused on the way back, and says who keeps the new one', () => {
    const [first, second] = [nameOf(1), nameOf(2)];
    const cluster = new Played([first, second]);
    cluster.tell(submitted(submission(first, { replaces: ['late.service'] }, { body: 'a' })));
    cluster.begin('b', { ...terms, maxUnavailable: 2 });
    assert.deepEqual(stepped(cluster.round()), [first, second]);
    cluster.tell(submitted(submission('late.service', { replaces: [first] })));
    cluster.becomes(second, 'failed');
    cluster.becomes(first, 'failed');
    assert.deepEqual(stepped(cluster.round()), [second]);
    cluster.becomes(second, 'active');
    cluster.round();
    cluster.at += 5_000;
    const [ended, ...others] = cluster.round();
    assert.ok(ended?.type === 'RolloutEnded' && ended.outcome === 'rolled-back' && others.length === 0);
    assert.match(
      ended.reason,
      /^w@1\.service failed \(exit-code\); w@1\.service cannot have its old version: units repl/,
    );
    assert.deepEqual([cluster.round(), cluster.bodies()], [[], ['b', 'a']]);
  });

  test('is refused for units of which another one is under way; new units are started at once', () => {
    const cluster = new Played([1, 2].map(nameOf));
    cluster.begin('b', terms);
    const again = decideRollout(cluster.state, 'x', {
      units: [{ name: nameOf(1), submission: versionOf(nameOf(1), 'c') }],
      terms,
    });
    assert.ok(isRejection(again) && again.code === 'rollout-under-way');
    const other = { name: nameOf(9), submission: versionOf(nameOf(9), 'b') };
    const fresh = decideRollout(cluster.state, 'y', { units: [other], terms });
    assert.ok(!isRejection(fresh));
    assert.deepEqual(
      fresh.map(({ type }) => type),
      ['UnitSubmitted', 'UnitLaunchRequested'],
    );
  });

  test('whatever the nodes do: it ends, all have one version, and it never takes down more than it may', () => {
    const story = fc.record({
      count: fc.integer({ min: 1, max: 6 }),
      maxUnavailable: fc.integer({ min: 1, max: 3 }),
      settleMs: fc.constantFrom(0, 1_000, 5_000),
      /** What becomes of a unit that got the new version, and the old one again. */
      fates: fc.array(fc.constantFrom('well', 'well', 'well', 'fails', 'hangs', 'flaps'), {
        minLength: 6,
        maxLength: 6,
      }),
      leaderChanges: fc.boolean(),
    });
    fc.assert(
      fc.property(story, ({ count, maxUnavailable, settleMs, fates, leaderChanges }) => {
        const names = Array.from({ length: count }, (_, index) => nameOf(index));
        const cluster = new Played(names);
        cluster.begin('b', { maxUnavailable, settleMs, timeoutMs: 20_000 });
        let rounds = 0;
        for (; isRollingOut(cluster.state); rounds++) {
          assert.ok(rounds < 1_000, 'it comes to an end');
          if (leaderChanges) cluster.state = restoreState(serializeState(cluster.state));
          const before = cluster.down();
          const tasks = cluster.round();
          const isTurned = [...cluster.state.rollouts.values()].some(({ turned }) => turned !== undefined);
          const taken = stepped(tasks).filter((name) => !before.includes(name));
          if (!isTurned && taken.length > 0)
            assert.ok(cluster.down().length <= maxUnavailable, cluster.down().join(' '));
          for (const name of cluster.down()) {
            const index = names.indexOf(name);
            const fate = cluster.bodies()[index] === 'b' ? fates[index] : 'well';
            if (fate === 'well' || fate === 'flaps') cluster.becomes(name, 'active');
            if (fate === 'fails') cluster.becomes(name, 'failed');
          }
          cluster.at += 1_000;
          for (const [index, name] of names.entries()) {
            if (fates[index] === 'flaps' && cluster.bodies()[index] === 'b' && rounds % 2 === 1 && settleMs === 5_000)
              cluster.becomes(name, 'activating');
          }
        }
        const [{ ended } = {}] = [...cluster.state.rollouts.values()];
        const version = ended?.outcome === 'replaced' ? 'b' : 'a';
        assert.deepEqual([...new Set(cluster.bodies())], [version]);
        const isBad = (fate: string) =>
          fate === 'fails' || fate === 'hangs' || (fate === 'flaps' && settleMs === 5_000);
        assert.equal(ended?.outcome, fates.slice(0, count).some(isBad) ? 'rolled-back' : 'replaced');
      }),
      { numRuns: 300 },
    );
  });
});
