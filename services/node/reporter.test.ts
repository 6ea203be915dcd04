import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { digestReports } from '../../shared/domain/digest.ts';
import type { NodeEvent, UnitReport } from '../../shared/domain/events.ts';
import { AppendRefusedError, type EventLog } from '../../shared/log/eventLog.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { Projection } from '../../shared/log/projection.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { type Commit, causeOf, decodeCommit, encodeCommit, hashCommit } from '../../shared/protocol/commit.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { createReporter } from './reporter.ts';

const machine = 'm1';
const subject = subjects.nodeLog(machine);
const longMs = 60_000;

const report = (unit: string, sub = 'running', goal = 1): UnitReport => {
  return { unit, hash: 'h', load: 'loaded', active: 'active', sub, result: 'success', goal, reason: '' };
};

type Append = Parameters<EventLog['append']>[0];

/** `isTooLarge`: what the log does not take. */
function world(isTooLarge: (message: Append) => boolean = () => false) {
  const clock = createSimulatedClock(1_700_000_000_000);
  const log = createMemoryLog();
  const handle = log.open();
  const { append } = handle;
  handle.append = async (message) => {
    if (isTooLarge(message)) throw new AppendRefusedError('maximum message size exceeded');
    return append(message);
  };
  const stop = new AbortController();
  const errors: Error[] = [];
  let lastId = 0;
  const ids = () => `id-${++lastId}`;
  const writer = createSubjectWriter({ log: handle, subject, by: 'node/m1', ids, clock, signal: stop.signal });
  const onError = (error: unknown) => errors.push(error as Error);
  const reporter = createReporter({ machine, log: handle, writer, clock, signal: stop.signal, onError });
  return { clock, log, handle, stop, errors, reporter };
}

type World = ReturnType<typeof world>;

/** What is on the log; the chain of hashes is checked on the way. */
async function commits({ log }: World): Promise<Commit[]> {
  const handle = log.open();
  const { last } = await handle.bounds();
  const projection = new Projection();
  const found: Commit[] = [];
  if (last === 0) return found;
  for await (const record of handle.tail({ fromSeq: 1, signal: new AbortController().signal })) {
    found.push(projection.apply(record));
    if (record.seq === last) break;
  }
  return found;
}

/** In short, one word an event. */
async function written(of: World): Promise<string[]> {
  return (await commits(of)).flatMap(({ events }) => events.map((event) => short(event as NodeEvent)));
}

function short(event: NodeEvent): string {
  if (event.type === 'NodeSynced') return `synced ${event.session}`;
  if (event.type === 'UnitCommandRun') return `${event.by}: ${event.argv.join(' ')}`;
  return event.type === 'UnitStateForgotten' ? `-${event.unit}` : `${event.unit} ${event.sub} ${event.goal}`;
}

describe('what a node reports', { timeout: 30_000 }, () => {
  it('goes out in one commit as far as it happens at once, each event with its cause', async () => {
    const of = world();
    of.reporter.report(report('a.service'), 'goal 1');
    of.reporter.report(report('b.service'), 'goal 1');
    of.reporter.forget('a.service', 'no longer assigned here');
    await of.clock.advance(0);
    const [commit, ...more] = await commits(of);
    assert.ok(commit);
    assert.deepEqual(more, []);
    assert.deepEqual(
      commit.events.map((event) => causeOf(commit, event)),
      ['goal 1', 'goal 1', 'no longer assigned here'],
    );
    assert.deepEqual([commit.by, commit.at], ['node/m1', 1_700_000_000_000]);
    assert.deepEqual(await written(of), ['a.service running 1', 'b.service running 1', '-a.service']);
  });

  it('is nothing where nothing was known', async () => {
    const of = world();
    of.reporter.forget('a.service', 'no longer assigned here');
    await of.clock.advance(longMs);
    assert.deepEqual(await commits(of), []);
  });

  it('gathers while an append is under way', async () => {
    const of = world();
    of.log.setAvailable(false);
    for (const unit of ['a', 'b', 'c']) {
      of.reporter.report(report(`${unit}.service`), 'goal 1');
      await of.clock.advance(1_000);
    }
    of.log.setAvailable(true);
    await of.clock.advance(longMs);
    assert.deepEqual(await written(of), ['a.service running 1', 'b.service running 1', 'c.service running 1']);
    assert.ok((await commits(of)).length < 3);
  });

  it('is kept while the log is away, and told when it is back', async () => {
    const of = world();
    of.reporter.report(report('a.service'), 'goal 1');
    await of.clock.advance(0);
    of.log.setAvailable(false);
    of.reporter.report(report('a.service', 'dead'), 'goal 1');
    await of.clock.advance(longMs);
    assert.equal(of.reporter.digest(), digestReports([report('a.service', 'dead')]));
    of.log.setAvailable(true);
    await of.clock.advance(longMs);
    assert.deepEqual(await written(of), ['a.service running 1', 'a.service dead 1']);
  });

  it('is kept while the log refuses it', async () => {
    const of = world();
    of.log.setFull('the disk is full');
    of.reporter.report(report('a.service'), 'goal 1');
    await of.clock.advance(500);
    assert.match(of.errors[0]?.message ?? '', /disk is full/);
    of.log.setFull(null);
    await of.clock.advance(longMs);
    assert.deepEqual(await written(of), ['a.service running 1']);
  });

  it('is told in parts where the whole is too large for the log', async () => {
    const of = world(({ data }) => decodeCommit(data).events.length > 3);
    const units = Array.from({ length: 11 }, (_, i) => `u${i}.service`);
    for (const unit of units) of.reporter.report(report(unit), 'goal 1');
    await of.clock.advance(longMs);
    assert.deepEqual(
      await written(of),
      units.map((unit) => `${unit} running 1`),
    );
  });

  it('continues a history that an earlier agent began, and one that somebody else wrote on', async () => {
    const of = world();
    const event: NodeEvent = { type: 'NodeSynced', machine, session: 'other', reason: '' };
    const write = async (id: string) => {
      const last = await of.handle.last(subject);
      const prev = last ? hashCommit(last.data) : '';
      const data = encodeCommit({ v: 1, id, at: 0, by: 'node/m1', cause: '', prev, events: [event] });
      await of.handle.append({ subject, id, data, expectedSeq: last?.seq ?? 0 });
    };
    await write('before');
    of.reporter.report(report('a.service'), 'goal 1');
    await of.clock.advance(0);
    await write('between');
    of.reporter.report(report('b.service'), 'goal 1');
    await of.clock.advance(longMs);
    assert.deepEqual(await written(of), ['synced other', 'a.service running 1', 'synced other', 'b.service running 1']);
    assert.equal(of.errors.length, 1, 'the foreign write is told');
  });

  it('is said anew by a sync, and what was said before and is not yet written is void', async () => {
    const of = world();
    of.reporter.report(report('a.service'), 'goal 1');
    of.reporter.report(report('b.service'), 'goal 1');
    await of.clock.advance(0);
    of.log.setAvailable(false);
    of.reporter.report(report('a.service', 'dead'), 'goal 2');
    of.reporter.forget('b.service', 'gone');
    of.reporter.sync('s2', 'joined again');
    of.log.setAvailable(true);
    await of.clock.advance(longMs);
    assert.deepEqual((await written(of)).slice(2), ['synced s2', 'a.service dead 1']);
  });

  it('is nothing but a sync where there are no units', async () => {
    const of = world();
    of.reporter.sync('s1', 'joined');
    await of.clock.advance(0);
    assert.deepEqual(await written(of), ['synced s1']);
  });

  it('is all on the log once it is flushed, unless the node ends before', async () => {
    const of = world();
    of.reporter.report(report('a.service'), 'goal 1');
    await of.reporter.flush();
    assert.deepEqual(await written(of), ['a.service running 1']);
    of.log.setAvailable(false);
    of.reporter.report(report('b.service'), 'goal 1');
    const flushed = of.reporter.flush();
    await of.clock.advance(longMs);
    of.stop.abort();
    await flushed;
  });

  it('has the digest of what was reported last and not forgotten', () => {
    const { reporter } = world();
    reporter.report(report('a.service'), 'goal 1');
    reporter.report(report('b.service'), 'goal 1');
    reporter.report(report('b.service', 'dead', 2), 'goal 2');
    reporter.forget('a.service', 'gone');
    assert.equal(reporter.digest(), digestReports([report('b.service', 'dead', 2)]));
  });

  it('reaches the log in order and once, whatever the log does meanwhile', async () => {
    const fault = fc.constantFrom('none', 'away', 'back', 'full', 'empty', 'lose-stored', 'lose-lost');
    const step = fc.record({
      fault,
      unit: fc.constantFrom('a.service', 'b.service'),
      waitMs: fc.constantFrom(0, 1, 700),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const of = world();
        for (const [i, { fault: what, unit, waitMs }] of steps.entries()) {
          disturb(of, what);
          of.reporter.report(report(unit, 'running', i), `goal ${i}`);
          await of.clock.advance(waitMs);
        }
        disturb(of, 'back');
        disturb(of, 'empty');
        await of.clock.advance(longMs);
        assert.deepEqual(
          await written(of),
          steps.map(({ unit }, i) => `${unit} running ${i}`),
        );
      }),
      { numRuns: 100 },
    );
  });
});

function disturb({ log, handle }: World, fault: string): void {
  if (fault === 'away' || fault === 'back') log.setAvailable(fault === 'back');
  if (fault === 'full' || fault === 'empty') log.setFull(fault === 'full' ? 'the disk is full' : null);
  if (fault === 'lose-stored') handle.loseNextAnswer('stored');
  if (fault === 'lose-lost') handle.loseNextAnswer('lost');
}
