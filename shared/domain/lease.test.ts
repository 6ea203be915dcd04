import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { interpretUnit } from './interpretUnit.ts';
import { leaseDeadlines, leaseOverAt, longerLease } from './lease.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(service: string[], flotilla: string[]) {
  const unit = parseUnitName('a.service').value;
  assert.ok(unit);
  const text = ['[Service]', 'ExecStart=/bin/true', ...service, '[X-Flotilla]', ...flotilla, ''].join('\n');
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return { lease: spec?.placement.lease, problems: problems.map(({ line, message }) => `${line}: ${message}`) };
}

describe('OnDisconnect=', () => {
  test('keep is the default, and leaves no lease', () => {
    assert.equal(read([], []).lease, undefined);
    assert.equal(read([], ['OnDisconnect=keep']).lease, undefined);
  });

  test('stop gives the unit ten seconds of grace, and as long to stop as it has, ten seconds at most', () => {
    assert.deepEqual(read([], ['OnDisconnect=stop']).lease, { graceMs: 10_000, stopMs: 10_000 });
    const quick = read(['TimeoutStopSec=2'], ['OnDisconnect=stop', 'DisconnectGraceSec=1500ms']);
    assert.deepEqual(quick.lease, { graceMs: 1_500, stopMs: 2_000 });
    assert.deepEqual(read(['TimeoutStopSec=infinity'], ['OnDisconnect=stop']).lease?.stopMs, 10_000);
  });

  test('stop is refused where something may survive the stop', () => {
    const why = 'OnDisconnect=stop must be able to kill all that the unit runs, which it cannot with';
    const killing = ['KillMode=process', 'SendSIGKILL=no', 'FinalKillSignal=SIGTERM'];
    assert.deepEqual(
      read(killing, ['OnDisconnect=stop']).problems,
      killing.map((directive) => `7: ${why} ${directive}`),
    );
  });

  test('takes no other word, and no grace that is shorter than a missed heartbeat', () => {
    const { problems } = read([], ['OnDisconnect=perhaps', 'DisconnectGraceSec=500ms']);
    assert.equal(problems.length, 3);
    assert.match(problems[0] ?? '', /^4: OnDisconnect=perhaps is none of keep, stop/);
    assert.match(problems[1] ?? '', /^5: DisconnectGraceSec=500ms is no span of at least 1s/);
    assert.match(problems[2] ?? '', /^5: .* has no effect without OnDisconnect=stop/);
  });
});

test('whatever clocks and messages do, a unit is killed where it was before a leader takes its lease for over', () => {
  const terms = fc.record({
    graceMs: fc.integer({ min: 1_000, max: 60_000 }),
    stopMs: fc.integer({ min: 0, max: 10_000 }),
  });
  const rate = fc.double({ min: 0.99, max: 1.01, noNaN: true });
  const offset = fc.double({ min: -1e9, max: 1e9, noNaN: true });
  const travelMs = fc.integer({ min: 0, max: 100_000 });
  fc.assert(
    fc.property(
      terms,
      rate,
      rate,
      offset,
      offset,
      travelMs,
      (lease, nodeRate, leaderRate, nodeOffset, leaderOffset, travel) => {
        // True time, ms: the heartbeat is sent at 0, and answered when it arrives.
        const onNode = (at: number) => nodeOffset + at * nodeRate;
        const onLeader = (at: number) => leaderOffset + at * leaderRate;
        const killed = (leaseDeadlines(onNode(0), lease).killAt - nodeOffset) / nodeRate;
        const over = (leaseOverAt(onLeader(travel), lease) - leaderOffset) / leaderRate;
        assert.ok(killed < over, `${killed} < ${over}`);
      },
    ),
  );
});

test('of two leases the longer one counts in each part', () => {
  assert.deepEqual(longerLease({ graceMs: 1, stopMs: 4 }, { graceMs: 3, stopMs: 2 }), { graceMs: 3, stopMs: 4 });
  assert.deepEqual(longerLease(undefined, { graceMs: 3, stopMs: 2 }), { graceMs: 3, stopMs: 2 });
  assert.equal(longerLease(undefined, undefined), undefined);
});
