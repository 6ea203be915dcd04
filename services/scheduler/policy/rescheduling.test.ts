import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { evolve } from '../../../shared/domain/cluster.ts';
import { type ClusterState, draft } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent, Event, UnitReport } from '../../../shared/domain/events.ts';
import { interpretUnit } from '../../../shared/domain/interpretUnit.ts';
import { restoreState, serializeState } from '../../../shared/domain/serializeState.ts';
import { parseUnitFile } from '../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, report, submission, submitted } from '../../../test/support/samples.ts';
import { judge } from './filters.ts';
import { reconcile } from './reconcile.ts';

const unit = 'a.service';
const crashed: Partial<UnitReport> = { active: 'activating', sub: 'auto-restart', result: 'exit-code' };
const gaveUp: Partial<UnitReport> = { active: 'failed', sub: 'failed', result: 'start-limit-hit' };
const failed: Partial<UnitReport> = { active: 'failed', sub: 'failed', result: 'exit-code' };

/** A unit with `RescheduleAfter=10s` on a cluster, told what its nodes say, second after second. */
class Watched {
  state: ClusterState;
  at = 1_000_000;
  readonly moves: { at: number; from: string; reason: string }[] = [];
  #seq = 100;

  constructor(machines: string[], rescheduleAfterMs = 10_000) {
    const placement = rescheduleAfterMs === 0 ? {} : { rescheduleAfterMs };
    const start: ClusterEvent[] = [submitted(submission(unit, placement)), { type: 'UnitLaunchRequested', unit }];
    this.state = fold([...machines.map((machine) => joined(machine)), ...start]);
    this.round();
  }

  get machine(): string {
    return Object.keys(this.state.units.get(unit)?.machines ?? {})[0] ?? '';
  }

  tell(event: Event): void {
    evolve(this.state, event, { seq: ++this.#seq, at: this.at });
  }

  says(changes: Partial<UnitReport>): void {
    const goal = this.state.units.get(unit)?.goal ?? 0;
    this.tell({ type: 'UnitStateReported', machine: this.machine, ...report(unit, { goal, ...changes }) });
  }

  round(): Event[] {
    const tasks = reconcile(draft(this.state), {
      includeWaiting: true,
      maxTasks: 100,
      moment: { seq: this.#seq + 1, at: this.at },
    });
    for (const task of tasks) {
      this.tell(task);
      if (task.type === 'UnitEvicted') this.moves.push({ at: this.at, from: task.machine, reason: task.reason });
    }
    return tasks;
  }

  /** Time passes, while the unit is as the last word of its node says. */
  passes(seconds: number, fate: (machine: string) => Partial<UnitReport> | null = () => null): void {
    for (let second = 0; second < seconds; second++) {
      this.at += 1_000;
      const changes = fate(this.machine);
      if (changes) this.says(changes);
      this.round();
    }
  }
}

describe('RescheduleAfter=', () => {
  test('is read as a span; what it cannot mean is told with its line', () => {
    const read = (...lines: string[]) => {
      const { file } = parseUnitFile(['[Service]', 'ExecStart=/bin/a', ...lines].join('\n'));
      const { value: name } = parseUnitName(unit);
      assert.ok(name);
      const { spec, problems } = interpretUnit(name, file);
      return {
        after: spec?.placement.rescheduleAfterMs,
        problems: problems.map(({ line, message }) => `${line}: ${message}`),
      };
    };
    assert.deepEqual(read('[X-Flotilla]', 'RescheduleAfter=5min'), { after: 300_000, problems: [] });
    assert.match(read('[X-Flotilla]', 'RescheduleAfter=0').problems[0] ?? '', /^4: .*no span from 1s to 1d/);
    assert.match(read('[X-Flotilla]', 'RescheduleAfter=infinity').problems[0] ?? '', /^4: .*no span from 1s to 1d/);
    const global = read('[X-Flotilla]', 'RescheduleAfter=5min', '[X-Fleet]', 'Global=true');
    assert.match(global.problems[0] ?? '', /^4: .*no effect/);
  });

  test('moves a unit that keeps failing for so long, says why, and explains why it does not go back', () => {
    const watched = new Watched(['m1', 'm2']);
    watched.passes(9, () => crashed);
    assert.deepEqual(watched.moves, []);
    watched.passes(2, () => crashed);
    assert.deepEqual(
      watched.moves.map(({ from, reason }) => [from, reason]),
      [['m1', 'it has kept failing for 10 s on m1 (exit-code)']],
    );
    assert.equal(watched.machine, 'm2');
    const [record, m1] = [watched.state.units.get(unit), watched.state.machines.get('m1')];
    assert.ok(record && m1);
    assert.equal(judge(watched.state, record, m1).failed, 'it kept failing there');
  });

  test('goes at once where systemd would not start it again, the first time', () => {
    const watched = new Watched(['m1', 'm2']);
    watched.says(gaveUp);
    watched.round();
    assert.equal(watched.moves[0]?.reason, 'it failed too often on m1 (start-limit-hit)');
    watched.says(gaveUp);
    watched.round();
    assert.equal(watched.moves.length, 1);
  });

  test('counts a crash loop as one failure, though the unit is active in between', () => {
    const watched = new Watched(['m1', 'm2']);
    for (let crashes = 0; crashes < 6; crashes++) {
      watched.passes(1, () => crashed);
      watched.passes(1, () => ({}));
    }
    assert.equal(watched.moves.length, 1);
  });

  test('leaves alone what is well again, what has no other machine, and what did not ask for it', () => {
    const healed = new Watched(['m1', 'm2']);
    healed.passes(5, () => crashed);
    healed.says({});
    healed.passes(60);
    assert.deepEqual([healed.moves, healed.state.failing.size], [[], 0]);
    const lonely = new Watched(['m1']);
    lonely.passes(60, () => crashed);
    assert.deepEqual([lonely.moves, lonely.machine], [[], 'm1']);
    const content = new Watched(['m1', 'm2'], 0);
    content.passes(60, () => crashed);
    assert.deepEqual(content.moves, []);
  });

  test('forgets it all once the unit has been well for long enough, and for a new version', () => {
    const watched = new Watched(['m1', 'm2']);
    watched.passes(11, () => crashed);
    watched.says({});
    watched.passes(60);
    assert.deepEqual([watched.state.failing.size, watched.state.rescheduled.size], [0, 0]);
    const replaced = new Watched(['m1', 'm2']);
    replaced.passes(11, () => crashed);
    assert.equal(replaced.state.rescheduled.size, 1);
    replaced.tell(submitted(submission(unit, { rescheduleAfterMs: 10_000 }, { body: 'b' })));
    assert.equal(replaced.state.rescheduled.size, 0);
  });

  test('whatever fails where, a unit never bounces: of all moves in a row, each takes twice as long as the one before', () => {
    const ways = fc.array(fc.constantFrom(crashed, failed, gaveUp), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), ways, fc.boolean(), (count, fates, leaderChanges) => {
        const watched = new Watched(Array.from({ length: count }, (_, index) => `m${index}`));
        const hours = 2;
        for (let minute = 0; minute < 60 * hours; minute++) {
          if (leaderChanges) watched.state = restoreState(serializeState(watched.state));
          watched.passes(60, () => fates[watched.moves.length % fates.length] ?? crashed);
        }
        const gaps = watched.moves.slice(1).map(({ at }, index) => at - (watched.moves[index]?.at ?? 0));
        for (const [index, gap] of gaps.entries()) assert.ok(gap >= 10_000 * 2 ** (index + 1), `${gaps}`);
        assert.ok(watched.moves.length >= 3 && watched.moves.length <= 12, `${watched.moves.length} moves`);
      }),
      { numRuns: 10 },
    );
  });
});
