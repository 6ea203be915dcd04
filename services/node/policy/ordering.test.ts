import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Dependencies, DependencyKind } from '../../../shared/domain/dependencies.ts';
import { type Gate, gatesOf, openGate, type Standing } from './ordering.ts';
import { type Relations, relationsOf } from './relations.ts';

const down: Standing = { phase: 'down', outcome: 'success', wish: null, state: 'inactive (dead)' };
const up: Standing = { phase: 'up', outcome: 'success', wish: null, state: 'active (running)' };
const wished: Standing = { ...down, wish: 'start', state: 'activating (waiting)' };
const starting: Standing = { ...down, phase: 'starting', state: 'activating (start)' };
const restarting: Standing = { ...down, phase: 'restarting', outcome: 'failure', state: 'activating (auto-restart)' };
const stopping: Standing = { ...down, phase: 'stopping', wish: 'stop', state: 'deactivating (stop-sigterm)' };
const failed: Standing = { ...down, outcome: 'failure', state: 'failed (failed)' };
const loaded: Standing = { ...down, outcome: 'none', wish: 'stop' };

/** The gate of `a`, which says that of `b`. */
function gateTo(b: Standing, says: Dependencies, a = wished): Gate {
  const relations = relationsOf(
    new Map([
      ['a', says],
      ['b', {}],
    ]),
  );
  return (
    gatesOf(
      relations,
      new Map([
        ['a', a],
        ['b', b],
      ]),
    ).get('a') ?? openGate
  );
}

describe('a start', () => {
  const after = { After: ['b'] };
  const requires = { ...after, Requires: ['b'] };
  const bound = { ...after, BindsTo: ['b'] };
  const asks = { Requisite: ['b'] };
  const cases: [title: string, says: Dependencies, b: Standing, start: RegExp | null][] = [
    [
      'waits for what it comes after while that starts',
      after,
      starting,
      /^wait: waiting for b, which is activating \(start\)/,
    ],
    ['waits for what is about to start', after, wished, /^wait: .*b, which is activating \(waiting\)/],
    ['waits for what stops', after, stopping, /^wait: .*b, which is being stopped/],
    ['waits until it is known what an earlier agent left', after, { ...down, phase: 'unknown' }, /^wait/],
    ['does not wait for what failed, or will be restarted', after, restarting, null],
    ['comes after what is not to start at all', after, loaded, null],
    ['is not held up by what is only required', { Requires: ['b'] }, failed, null],
    ['fails where what it requires has failed', requires, failed, /^dependency: b, which it requires, is failed/],
    [
      'fails where what it requires is not started',
      requires,
      loaded,
      /^dependency: b, which it requires, is not started/,
    ],
    [
      'waits for what it requires to be restarted',
      requires,
      restarting,
      /^wait: .*b, which is activating \(auto-restart\)/,
    ],
    ['needs of what it requires only that it has done its work', requires, down, null],
    ['needs what it is bound to to be active', bound, down, /^dependency: b, which it is bound to/],
    ['fails at once where what it asks to be there is not', asks, down, /^dependency: b, which it requires/],
    ['goes on where that is', asks, up, null],
    ['goes on where that is about to start', asks, wished, null],
    ['waits for that where it comes after it', { ...after, ...asks }, wished, /^wait/],
    ['comes before what comes after it', { Before: ['b'] }, starting, null],
    [
      'comes after the stop of what comes after it',
      { Before: ['b'] },
      { ...up, wish: 'restart' },
      /^wait: .*b, which has to stop first/,
    ],
  ];
  for (const [title, says, b, expected] of cases) {
    it(title, () => {
      const { start } = gateTo(b, says);
      const told = start && `${start.kind}: ${start.reason}`;
      if (expected === null) assert.equal(told, null);
      else assert.match(told ?? 'null', expected);
    });
  }

  it('that fails for want of another fails those that require it, and lets the others go', () => {
    const relations = relationsOf(
      new Map<string, Dependencies>([
        ['a', {}],
        ['b', { Requires: ['a'], After: ['a'] }],
        ['c', { Requires: ['b'], After: ['b'] }],
        ['d', { After: ['c'], Wants: ['c'] }],
      ]),
    );
    const gates = gatesOf(
      relations,
      new Map([
        ['a', failed],
        ['b', wished],
        ['c', wished],
        ['d', wished],
      ]),
    );
    assert.deepEqual(
      ['b', 'c', 'd'].map((name) => gates.get(name)?.start?.kind),
      ['dependency', 'dependency', undefined],
    );
  });
});

describe('a unit that runs', () => {
  it('must not where what it is bound to does not run any more, not even for a moment', () => {
    for (const b of [down, failed, stopping, restarting, loaded]) {
      assert.match(gateTo(b, { BindsTo: ['b'] }, up).down ?? '', /^b, which it is bound to, is /);
      assert.equal(gateTo(b, { Requires: ['b'], PartOf: ['b'], Requisite: ['b'] }, up).down, null);
    }
    for (const b of [up, starting, wished]) assert.equal(gateTo(b, { BindsTo: ['b'] }, up).down, null);
  });

  it('stops after what comes after it', () => {
    const says = { Before: ['b'] };
    assert.match(
      gateTo({ ...up, wish: 'stop' }, says, { ...up, wish: 'stop' }).stop ?? '',
      /b, which has to stop first/,
    );
    for (const b of [up, down, loaded]) assert.equal(gateTo(b, says, { ...up, wish: 'stop' }).stop, null);
  });
});

const names = ['a', 'b', 'c', 'd', 'e'];
const kinds: DependencyKind[] = ['After', 'Before', 'Requires', 'Requisite', 'BindsTo', 'Wants'];
const statedByAll = fc
  .array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...kinds), fc.constantFrom(...names)), { maxLength: 10 })
  .map((links) => {
    const stated = new Map<string, Dependencies>(names.map((name) => [name, {}]));
    for (const [name, kind, other] of links) {
      const has = stated.get(name) ?? {};
      stated.set(name, { ...has, [kind]: [...(has[kind] ?? []), other] });
    }
    return stated;
  });

/** Units that do what their gates let them, one step after the other, in any order. */
class Model {
  readonly #relations: Relations;
  readonly #units = new Map<string, Standing>(names.map((name) => [name, loaded]));

  constructor(stated: ReadonlyMap<string, Dependencies>) {
    this.#relations = relationsOf(stated);
  }

  wish(name: string, wish: 'start' | 'stop' | 'restart'): void {
    const standing = this.#of(name);
    const isDown = standing.phase === 'down';
    if (wish === 'stop') this.#set(name, { ...standing, wish, outcome: isDown ? 'none' : standing.outcome });
    else if (isDown) this.#set(name, { ...standing, wish: 'start', outcome: 'success' });
    else if (standing.phase === 'stopping' || wish === 'restart')
      this.#set(name, { ...standing, wish: 'restart', outcome: 'success' });
  }

  /** Lets one unit do something; false where none of them can. */
  step(pick: number): boolean {
    const able = names.flatMap((name) => this.#steps(name));
    able[pick % Math.max(1, able.length)]?.();
    return able.length > 0;
  }

  check(): void {
    const gates = this.#gates();
    for (const name of names) {
      const { phase, wish } = this.#of(name);
      if (wish === 'start') assert.equal(gates.get(name)?.start?.kind, 'dependency', `${name} waits for ever`);
      assert.ok(phase === 'down' || (phase === 'up' && wish === null), `${name} is stuck: ${phase} ${wish}`);
      if (phase !== 'up') continue;
      for (const other of this.#relations.bindsTo(name))
        assert.equal(this.#of(other).phase, 'up', `${name} ✗ ${other}`);
    }
  }

  #steps(name: string): (() => void)[] {
    const standing = this.#of(name);
    const gate = this.#gates().get(name) ?? openGate;
    const { phase, wish } = standing;
    const mustStop = wish === 'stop' || wish === 'restart' || gate.down !== null;
    const set = (changes: Partial<Standing>) => () => this.#set(name, { ...standing, ...changes });
    if (phase === 'down') {
      return wish === 'start' && gate.start === null && gate.down === null ? [() => this.#begin(name)] : [];
    }
    const stop = () => {
      if (wish !== null) this.#checkStop(name);
      this.#set(name, { ...standing, phase: 'stopping', wish: wish ?? 'restart' });
    };
    if (mustStop && phase !== 'stopping') return gate.stop === null ? [stop] : [];
    if (phase === 'starting') return [set({ phase: 'up' }), set({ phase: 'down', outcome: 'failure' })];
    if (phase === 'stopping') {
      return [
        set(
          wish === 'restart'
            ? { phase: 'down', wish: 'start', outcome: 'success' }
            : { phase: 'down', outcome: 'none' },
        ),
      ];
    }
    return [];
  }

  #begin(name: string): void {
    for (const other of this.#relations.after(name)) {
      const { phase } = this.#of(other);
      assert.ok(phase !== 'starting' && phase !== 'stopping', `${name} starts while ${other} is ${phase}`);
    }
    for (const other of this.#relations.bindsTo(name)) {
      if (this.#relations.after(name).includes(other)) assert.equal(this.#of(other).phase, 'up');
    }
    this.#set(name, { ...this.#of(name), phase: 'starting', wish: null });
  }

  #checkStop(name: string): void {
    for (const other of this.#relations.before(name)) {
      const { phase, wish } = this.#of(other);
      const isLater = phase !== 'down' && (wish === 'stop' || wish === 'restart');
      assert.ok(!isLater, `${name} stops before ${other}, which comes after it`);
    }
  }

  #gates(): Map<string, Gate> {
    return gatesOf(this.#relations, this.#units);
  }

  #of(name: string): Standing {
    return this.#units.get(name) ?? down;
  }

  #set(name: string, standing: Standing): void {
    this.#units.set(name, { ...standing, state: standing.phase });
  }
}

describe('whatever units say of each other, and whatever is wished of them', () => {
  it('they start and stop in order, and nothing waits for ever', () => {
    const wishes = fc.array(
      fc.record({
        name: fc.constantFrom(...names),
        wish: fc.constantFrom('start' as const, 'start' as const, 'stop' as const, 'restart' as const),
        steps: fc.array(fc.nat(100), { maxLength: 4 }),
      }),
      { maxLength: 25, size: 'max' },
    );
    fc.assert(
      fc.property(
        statedByAll,
        wishes,
        fc.array(fc.nat(100), { minLength: 7, maxLength: 7 }),
        (stated, asked, picks) => {
          const model = new Model(stated);
          for (const { name, wish, steps } of asked) {
            model.wish(name, wish);
            for (const pick of steps) model.step(pick);
          }
          let rest = 0;
          while (model.step(picks[rest % picks.length] ?? 0)) assert.ok(rest++ < 500, 'it never comes to rest');
          model.check();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('units in a circle are not ordered, all others are', () => {
    fc.assert(
      fc.property(statedByAll, (stated) => {
        const { after, before } = relationsOf(stated);
        for (const name of names) {
          for (const other of after(name)) assert.ok(before(other).includes(name));
          const seen = new Set<string>();
          const open = [...after(name)];
          for (let one = open.pop(); one !== undefined; one = open.pop()) {
            assert.notEqual(one, name, 'a circle is left');
            if (!seen.has(one)) open.push(...after(one));
            seen.add(one);
          }
        }
      }),
    );
  });
});
