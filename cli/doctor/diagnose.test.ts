import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineView } from '../../shared/domain/views.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { diagnose, isSound } from './diagnose.ts';
import type { ClusterFacts } from './facts.ts';

const machine = {
  id: 'a'.repeat(32),
  ip: '10.0.0.1',
  hostname: 'host1',
  metadata: {},
  state: 'ready',
  units: 0,
  version: '1',
  runtimes: ['process', 'docker'],
  reason: '',
} satisfies MachineView;

const unit = {
  unit: 'a.service',
  machine: machine.id,
  ip: null,
  load: 'loaded',
  active: 'active',
  sub: 'running',
  hash: '',
  result: '',
  reason: '',
} as const;

const stream = { trouble: null, replicas: 3, lagging: [], offline: [], last: 10 };
const health = {
  servers: 3,
  storage: { used: 10, limit: 100 },
  memory: { used: 10, limit: -1 },
  streams: [streams.log, streams.kv].map((name) => ({ name, ...stream })),
  snapshots: [],
};

const sound: ClusterFacts = {
  jetStream: { value: health },
  disk: { path: '/srv', freeBytes: 2 ** 40 },
  scheduler: {
    value: {
      scheduler: 's1',
      leader: 's1',
      epoch: 3,
      stateHash: '',
      machines: { ready: 1, lost: 0, left: 0 },
      units: 1,
    },
  },
  store: { missing: 'no key/value store answers' },
  machines: [machine],
  units: [unit],
  skews: new Map([[machine.id, 20]]),
  chains: new Map([[streams.log, { value: 10 }]]),
};

/** What is not in order, as `level check: found`. */
function complaints(facts: ClusterFacts): string[] {
  const bad = diagnose(facts).filter(({ level }) => level !== 'ok');
  for (const { todo, check } of bad) assert.notEqual(todo, '', `${check} says what to do`);
  return bad.map(({ level, check, found }) => `${level} ${check}: ${found}`);
}

const withStream = (change: object): ClusterFacts => ({
  ...sound,
  jetStream: { value: { ...health, streams: [{ name: streams.log, ...stream, ...change }] } },
});

test('a sound cluster gives no cause for complaint, unless a store that was used is gone', () => {
  const unused = health.streams.map((one) => (one.name === streams.kv ? { ...one, last: 0 } : one));
  assert.deepEqual(complaints({ ...sound, jetStream: { value: { ...health, streams: unused } } }), []);
  assert.deepEqual(complaints(sound), ['problem store: no key/value store answers']);
});

for (const [title, facts, expected] of [
  ['JetStream that is off hides all else', { ...sound, jetStream: { missing: 'not enabled' } }, /^problem JetStream/],
  ['a missing stream', withStream({ trouble: 'missing' }), /^problem stream FLOTILLA: there is none/],
  ['a lost quorum', withStream({ trouble: { silent: 'no leader' } }), /^problem stream FLOTILLA: it has no quorum/],
  ['a copy that is away', withStream({ offline: ['n2'] }), /^warning stream FLOTILLA: copies are away: n2/],
  ['a copy that lags', withStream({ lagging: ['n3'] }), /^warning stream FLOTILLA: copies lag behind: n3/],
  ['one copy on three servers', withStream({ replicas: 1 }), /^warning stream FLOTILLA: one copy on 3 servers/],
  [
    'storage near its limit',
    { ...sound, jetStream: { value: { ...health, storage: { used: 80, limit: 100 } } } },
    /^problem JetStream storage/,
  ],
  ['a full disk', { ...sound, disk: { path: '/srv', freeBytes: 1 } }, /^problem disk/],
  [
    'a snapshot of another log',
    { ...sound, jetStream: { value: { ...health, snapshots: [{ name: 'cluster', seq: 99 }] } } },
    /^warning snapshot cluster/,
  ],
  ['no leading scheduler', { ...sound, scheduler: { missing: 'nobody leads' } }, /^problem scheduler: nobody leads/],
  [
    'a lost machine',
    { ...sound, machines: [{ ...machine, state: 'lost', reason: 'silent' }] },
    /^problem machine host1/,
  ],
  ['a clock that is wrong', { ...sound, skews: new Map([[machine.id, -5_000]]) }, /5.0 s behind NATS's/],
  [
    'a cordoned machine',
    { ...sound, machines: [{ ...machine, cordon: { reason: 'new disk', drain: 'done' } }] },
    /^warning machine host1 .*: cordoned: new disk/,
  ],
  [
    'a failed unit',
    { ...sound, units: [{ ...unit, active: 'failed', result: 'exit-code' }] },
    /^problem a.service: failed/,
  ],
  [
    'a unit without a machine',
    { ...sound, units: [{ ...unit, machine: null, reason: 'zone' }] },
    /waits for a machine: zone/,
  ],
  [
    'a unit that is not reported',
    { ...sound, units: [{ ...unit, load: 'not-loaded' }] },
    /^warning a.service: placed on/,
  ],
  [
    'a broken chain',
    { ...sound, chains: new Map([[streams.log, { missing: 'broken at 7', isDamage: true }]]) },
    /^problem history FLOTILLA/,
  ],
] as [string, ClusterFacts, RegExp][]) {
  test(`${title} is found, with what to do`, () => {
    assert.ok(
      complaints(facts).some((line) => expected.test(line)),
      complaints(facts).join('\n'),
    );
    const worst = complaints(facts).some((line) => line.startsWith('problem'));
    assert.equal(isSound(diagnose(facts)), !worst);
  });
}
