import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { MachineFacts } from '../../shared/domain/events.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { Command, CommandReply } from '../../shared/protocol/commands.ts';
import { decodeCommit } from '../../shared/protocol/commit.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { AssignedUnit, Assignment, Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { LeaseKeeper } from './leaseKeeper.ts';
import { type NodeState, startNode } from './nodeActor.ts';
import type { NodeMemory, NodeStore } from './nodeStore.ts';
import { createReporter } from './reporter.ts';
import { createFakeRuntime } from './runtime/fake.ts';
import { assigned, ends, exited, type Simulation, simulate } from './testing/unitSimulation.ts';
import { UnitRegistry } from './unitRegistry.ts';

const machine = 'm1';
const bootId = 'b'.repeat(32);
const unitText = '[Service]\nExecStart=/main\nExecStop=/stop\n';
const unit = (name: string): AssignedUnit => assigned(unitText, { name });
const assignment = (version: number, ...units: AssignedUnit[]): Assignment => ({
  machine,
  cluster: 'c1',
  session: 's1',
  version,
  units,
});

/** A leader that answers as it is told to, and keeps what it was asked. */
interface Leader {
  join: CommandReply;
  heartbeat: HeartbeatReply;
  /** Answered to the next heartbeat alone. */
  once?: HeartbeatReply | undefined;
  commands: Command[];
  beats: Heartbeat[];
}

interface WorldOptions {
  /** Nobody leads yet. */
  leaderless?: boolean;
  /** The leader answers heartbeats only after this long. */
  answerMs?: number;
  memory?: Partial<NodeMemory>;
  earlier?: Simulation;
  load?: () => Promise<NodeMemory>;
}

function world(options: WorldOptions = {}) {
  const simulation = simulate(options.earlier ? { earlier: options.earlier } : {});
  const { clock, host } = simulation;
  const network = createMemoryNetwork({ clock });
  const leaderBus = network.connect();
  const leader: Leader = {
    join: { ok: true, seq: 1 },
    heartbeat: { ok: true, assignment: 0, resync: false },
    commands: [],
    beats: [],
  };
  const lead = () => serveLeader(leaderBus, leader, { clock, answerMs: options.answerMs ?? 0 });
  if (!options.leaderless) lead();
  const facts = factsOf();
  const memory = { bootId, assignment: null, rest: [], ...options.memory };
  const parts = nodeParts(simulation, network.connect(), facts, options.load ?? (async () => memory));
  const states: NodeState[] = [];
  const node = startNode(parts.deps, (state) => states.push(state));
  let ended: string | null | undefined;
  void node.ended.then((reason) => {
    ended = reason;
  });
  const publish = async (newest: Assignment, how: { bus: boolean; log: boolean }) => {
    const subject = subjects.assignment(machine);
    if (how.log) {
      const expectedSeq = (await parts.assignmentLog.last(subject))?.seq ?? 0;
      await parts.assignmentLog.append({ subject, id: `v${newest.version}`, data: encodeJson(newest), expectedSeq });
    }
    if (how.bus) leaderBus.publish(subject, encodeJson(newest));
    leader.heartbeat = { ok: true, assignment: newest.version, resync: false };
    // It is read in the next turn.
    await clock.advance(1);
  };
  const running = () => host.running().map(({ unit: name }) => name);
  return { ...simulation, ...parts, facts, leader, lead, node, states, publish, running, ended: () => ended };
}

function factsOf(): MachineFacts {
  const identity = { machine, session: 's1', nodeKey: 'k1', bootId, ip: '10.0.0.1', hostname: 'h', version: '0' };
  return { ...identity, metadata: {}, capacity: {}, runtimes: ['process'] };
}

function serveLeader(
  bus: ReturnType<ReturnType<typeof createMemoryNetwork>['connect']>,
  leader: Leader,
  { clock, answerMs }: { clock: Clock; answerMs: number },
): void {
  bus.subscribe(subjects.clusterCommands, (message) => {
    leader.commands.push(decodeJson<Command>(message.data));
    message.respond(encodeJson(leader.join));
  });
  bus.subscribe(subjects.allHeartbeats, (message) => {
    leader.beats.push(decodeJson<Heartbeat>(message.data));
    const answer = encodeJson(leader.once ?? leader.heartbeat);
    if (answerMs === 0) message.respond(answer);
    else clock.setTimeout(() => message.respond(answer), answerMs);
    leader.once = undefined;
  });
}

function nodeParts(
  { clock, host }: Simulation,
  bus: ReturnType<ReturnType<typeof createMemoryNetwork>['connect']>,
  facts: MachineFacts,
  load: NodeStore['load'],
) {
  const log = createMemoryLog();
  const assignmentLog = createMemoryLog({ keepOnlyLast: true }).open();
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  let lastId = 0;
  const ids = () => `id-${++lastId}`;
  const stop = new AbortController();
  const [handle, subject] = [log.open(), subjects.nodeLog(machine)];
  const writer = createSubjectWriter({ log: handle, subject, by: 'node/m1', ids, clock, signal: stop.signal });
  const reporter = createReporter({ machine, log: handle, writer, clock, signal: stop.signal, onError });
  let saved: NodeMemory | null = null;
  const store: NodeStore = {
    load,
    save: (memory) => {
      saved = memory();
    },
    flush: async () => undefined,
  };
  const leases = new LeaseKeeper({ clock });
  const registry = new UnitRegistry({
    runtimes: { process: createFakeRuntime(host), docker: null },
    leases,
    clock,
    facts: { hostname: 'h', machineId: machine, bootId, kernelRelease: '6' },
    onReport: (report) => reporter.report(report, 'test'),
    given: () => ({}),
    onActive: () => undefined,
    onForget: (name, reason) => reporter.forget(name, reason),
    onChange: () => store.save(() => registry.memory()),
    onError,
  });
  const deps = { facts, bus, assignments: assignmentLog, registry, leases, reporter, store, clock, ids, onError };
  return { bus, log, assignmentLog, registry, reporter, errors, deps, saved: () => saved };
}

/** What the node wrote on its subject, one word an event. */
async function written(of: ReturnType<typeof world>): Promise<string[]> {
  const handle = of.log.open();
  const { last } = await handle.bounds();
  const found: string[] = [];
  if (last === 0) return found;
  for await (const { seq, data } of handle.tail({ fromSeq: 1, signal: new AbortController().signal })) {
    for (const event of decodeCommit(data).events) {
      if (event.type === 'NodeSynced') found.push(`synced: ${event.reason}`);
      else if (event.type === 'UnitStateReported') found.push(`${event.unit} ${event.sub}`);
      else if (event.type === 'UnitStateForgotten') found.push(`-${event.unit}`);
    }
    if (seq === last) break;
  }
  return found;
}

describe('a node that starts', { timeout: 30_000 }, () => {
  it('joins with its facts, says what it has, and sends heartbeats', async () => {
    const of = world();
    await of.clock.advance(1_200);
    const [join, ...more] = of.leader.commands;
    assert.deepEqual({ ...join, id: '' }, { type: 'JoinMachine', ...of.facts, id: '', by: 'node/m1' });
    assert.deepEqual(more, []);
    assert.deepEqual(await written(of), ['synced: joined']);
    assert.deepEqual(
      of.leader.beats.filter(({ takesUp }) => takesUp === undefined),
      Array(3).fill({ session: 's1', assignment: 0, digest: of.reporter.digest(), leaving: null }),
    );
    assert.deepEqual([of.node.state, of.states], ['ready', ['joining', 'ready']]);
  });

  it('says that it is there for as long as it takes up what an earlier agent left, and has not joined', async () => {
    let loaded: (memory: NodeMemory) => void = () => undefined;
    const of = world({
      load: () =>
        new Promise((resolve) => {
          loaded = resolve;
        }),
    });
    of.leader.join = { ok: false, code: 'machine-id-in-use', message: 'm1 is in use', details: [] };
    await of.clock.advance(1_200);
    assert.deepEqual([of.node.state, of.leader.beats.length, of.leader.commands], ['recovering', 3, []]);
    loaded({ bootId, assignment: null, rest: [] });
    await of.clock.advance(1_200);
    assert.deepEqual([of.node.state, of.leader.beats.length], ['joining', 6]);
    const { session, nodeKey, bootId: boot } = of.facts;
    for (const beat of of.leader.beats)
      assert.deepEqual([beat.session, beat.takesUp], [session, { nodeKey, bootId: boot }]);
    of.leader.join = { ok: true, seq: 1 };
    await of.clock.advance(1_000);
    assert.equal(of.node.state, 'ready');
    assert.equal(of.leader.beats.at(-1)?.takesUp, undefined);
  });

  it('says so at once when it has a connection', async () => {
    const of = world({ load: () => new Promise(() => undefined) });
    await of.clock.advance(100);
    of.bus.disconnect();
    await of.clock.advance(1_000);
    const before = of.leader.beats.length;
    of.bus.reconnect();
    await of.clock.advance(100);
    assert.equal(of.leader.beats.length, before + 1);
  });

  it('waits for somebody to lead as long as it takes, its units running, and asks again and again', async () => {
    const earlier = simulate();
    const before = world({ earlier });
    await before.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    before.registry.abandon();
    const of = world({ leaderless: true, earlier, memory: { assignment: assignment(5, unit('a.service')) } });
    await of.clock.advance(600_000);
    assert.deepEqual([of.node.state, of.running(), of.ran], ['joining', ['a.service'], ['/main']]);
    of.lead();
    await of.clock.advance(1_000);
    assert.equal(of.node.state, 'ready');
    assert.deepEqual((await written(of)).slice(-2), ['synced: joined', 'a.service running']);
  });

  it('looks after the units that it recovered also before it is part of the cluster', async () => {
    const restarting = { ...unit('a.service'), ...assigned(`${unitText}Restart=always\n`, { name: 'a.service' }) };
    const of = world({ leaderless: true, memory: { assignment: assignment(5, restarting) } });
    await of.clock.advance(1_000);
    of.host.end('a.service', exited(1));
    await of.clock.advance(1_000);
    assert.deepEqual([of.running(), of.ran.length], [['a.service'], 2]);
  });

  it('waits a refusal out for a time, and ends when it stands', async () => {
    const refusal: CommandReply = { ok: false, code: 'machine-id-in-use', message: 'm1 is in use', details: ['by h2'] };
    const of = world();
    of.leader.join = refusal;
    await of.clock.advance(9_000);
    assert.equal(of.node.state, 'joining');
    of.leader.join = { ok: true, seq: 1 };
    await of.clock.advance(1_000);
    assert.equal(of.node.state, 'ready');
    const refused = world({ memory: { assignment: assignment(5, unit('a.service')) } });
    refused.leader.join = refusal;
    await refused.clock.advance(11_000);
    assert.deepEqual([refused.node.state, refused.ended()], ['refused', 'm1 is in use; by h2']);
    assert.deepEqual(refused.running(), ['a.service'], 'its units are let alone');
  });

  it('does not count the time without a leader as time of refusal', async () => {
    const of = world({ leaderless: true });
    of.leader.join = { ok: false, code: 'machine-id-in-use', message: 'm1 is in use', details: [] };
    await of.clock.advance(60_000);
    of.lead();
    await of.clock.advance(5_000);
    assert.equal(of.node.state, 'joining');
    of.leader.join = { ok: true, seq: 1 };
    await of.clock.advance(1_000);
    assert.equal(of.node.state, 'ready');
  });

  it('ends, and says why, when it cannot read what an earlier agent left', async () => {
    const of = world({ load: async () => Promise.reject(new Error('the disk is broken')) });
    await of.clock.advance(0);
    assert.deepEqual([of.node.state, of.ended()], ['refused', 'the disk is broken']);
  });
});

describe('a node in the cluster', { timeout: 30_000 }, () => {
  it('does what it is assigned, and remembers it', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    await of.clock.advance(500);
    assert.deepEqual([of.running(), of.leader.beats.at(-1)?.assignment], [['a.service'], 5]);
    assert.equal(of.leader.beats.at(-1)?.digest, of.reporter.digest());
    assert.equal(of.saved()?.assignment?.version, 5);
  });

  it('says at once that a unit which it is not assigned any more is gone, and does not say so before', async () => {
    const of = world();
    of.behave({ '/stop': ends(exited(0), 700) });
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service'), unit('b.service')), { bus: true, log: true });
    await of.clock.advance(500);
    assert.deepEqual(of.leader.beats.at(-1)?.leaving, []);
    await of.publish(assignment(6, unit('b.service')), { bus: true, log: true });
    await of.clock.advance(600);
    assert.deepEqual(of.leader.beats.at(-1)?.leaving, ['a.service']);
    const before = of.leader.beats.length;
    await of.clock.advance(110);
    assert.deepEqual([of.leader.beats.length, of.leader.beats.at(-1)?.leaving], [before + 1, []]);
  });

  it('keeps its heartbeats apart, however many units are gone', async () => {
    const of = world();
    const names = Array.from({ length: 50 }, (_, i) => `u${i}.service`);
    await of.clock.advance(0);
    const quick = '[Service]\nExecStart=/main\n';
    await of.publish(assignment(5, ...names.map((name) => assigned(quick, { name }))), { bus: true, log: true });
    await of.clock.advance(500);
    const before = of.leader.beats.length;
    await of.publish(assignment(6), { bus: true, log: true });
    await of.clock.advance(100);
    assert.deepEqual([of.running(), of.leader.beats.at(-1)?.leaving], [[], []]);
    assert.ok(of.leader.beats.length - before <= 3, `${of.leader.beats.length - before} heartbeats`);
  });

  it('reads an assignment that it did not hear of', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: false, log: true });
    await of.clock.advance(500);
    assert.deepEqual([of.running(), of.node.state, of.states], [['a.service'], 'ready', ['joining', 'ready']]);
  });

  it('reads it also when that takes longer than the next heartbeat', async () => {
    const of = world();
    await of.clock.advance(0);
    const { last } = of.assignmentLog;
    await of.publish(assignment(5, unit('a.service')), { bus: false, log: true });
    let answer = () => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let reads = 0;
    of.assignmentLog.last = async (subject) => {
      reads += 1;
      await slow;
      return last(subject);
    };
    await of.clock.advance(5_000);
    answer();
    await of.clock.advance(0);
    assert.deepEqual([reads, of.running()], [1, ['a.service']]);
  });

  it('tries again when the assignment cannot be read, and tells of it', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: false, log: true });
    of.assignmentLog.setConnected(false);
    await of.clock.advance(1_000);
    assert.ok(of.errors.length > 0);
    of.assignmentLog.setConnected(true);
    await of.clock.advance(1_000);
    assert.deepEqual(of.running(), ['a.service']);
  });

  it('is disconnected when three heartbeats have missed, its units go on, and it is ready at the next answer', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    of.bus.disconnect();
    await of.clock.advance(2_500);
    assert.equal(of.node.state, 'ready');
    await of.clock.advance(1_500);
    assert.equal(of.node.state, 'disconnected');
    await of.clock.advance(3_600_000);
    assert.deepEqual(of.running(), ['a.service']);
    of.bus.reconnect();
    await of.clock.advance(2_000);
    assert.deepEqual([of.node.state, of.running(), of.ran], ['ready', ['a.service'], ['/main']]);
  });

  it('is ready and keeps its leases where answers take longer than several heartbeats, and says how long they take', async () => {
    const of = world({ answerMs: 1_300 });
    await of.clock.advance(60_000);
    assert.equal(of.node.state, 'ready');
    assert.equal(of.states.includes('disconnected'), false);
    assert.equal(of.leader.beats.at(-1)?.answeredInMs, 1_300);
    assert.ok(of.leader.beats.length > 100, 'it is heard twice a second all the same');
  });

  it('that makes room for another agent says when that one will be there, and touches no unit', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    const told = of.node.handOver();
    await of.clock.advance(10);
    assert.equal(await told, true);
    assert.equal(of.leader.beats.at(-1)?.backWithinMs, 15_000);
    assert.deepEqual(of.running(), ['a.service']);
  });

  it('waits for no answer to that for longer than half a second', async () => {
    const of = world();
    await of.clock.advance(0);
    of.bus.disconnect();
    const told = of.node.handOver();
    await of.clock.advance(500);
    assert.equal(await told, false);
  });

  it('that was given up joins again, says what it has, and stops what has moved', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service'), unit('b.service')), { bus: true, log: true });
    of.leader.once = { ok: false, code: 'join' };
    await of.clock.advance(1_000);
    assert.equal(of.leader.commands.length, 2);
    assert.deepEqual((await written(of)).slice(-3), ['synced: joined again', 'a.service running', 'b.service running']);
    await of.publish(assignment(9, unit('b.service')), { bus: true, log: true });
    assert.deepEqual(of.running(), ['b.service']);
  });

  it('is not given up and joined again all the time', async () => {
    const of = world();
    of.leader.heartbeat = { ok: false, code: 'join' };
    await of.clock.advance(60_000);
    assert.ok(of.leader.commands.length <= 121, `${of.leader.commands.length} times in a minute`);
  });

  it('says everything anew when the log says something else, and only then', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    await of.clock.advance(5_000);
    const before = (await written(of)).length;
    of.leader.heartbeat = { ok: true, assignment: 5, resync: true };
    await of.clock.advance(500);
    of.leader.heartbeat = { ok: true, assignment: 5, resync: false };
    await of.clock.advance(5_000);
    const anew = (await written(of)).slice(before);
    assert.deepEqual(anew, ['synced: the log said something else than this node', 'a.service running']);
  });

  it('that was replaced ends and leaves its units alone', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    of.leader.heartbeat = { ok: false, code: 'replaced' };
    await of.clock.advance(500);
    assert.match(of.ended() ?? '', /newer start/);
    const beats = of.leader.beats.length;
    await of.clock.advance(60_000);
    assert.deepEqual([of.running(), of.leader.beats.length], [['a.service'], beats]);
  });

  it('tells new facts by joining again, also when it was about to join', async () => {
    const of = world();
    await of.clock.advance(0);
    of.facts.runtimes = ['process', 'docker'];
    of.node.rejoin();
    await of.clock.advance(500);
    const runtimesTold = () => of.leader.commands.map((command) => 'runtimes' in command && command.runtimes.length);
    assert.deepEqual(runtimesTold(), [1, 2]);
    const early = world({ leaderless: true });
    await early.clock.advance(1_000);
    early.facts.runtimes = ['process', 'docker'];
    early.node.rejoin();
    early.lead();
    await early.clock.advance(1_000);
    const last = early.leader.commands.at(-1);
    assert.deepEqual(last && 'runtimes' in last && last.runtimes, ['process', 'docker']);
  });

  it('removes what an earlier agent left of units that it does not have any more', async () => {
    const earlier = simulate();
    const before = world({ earlier });
    await before.publish(assignment(5, unit('a.service'), unit('b.service')), { bus: true, log: true });
    before.registry.abandon();
    const of = world({ earlier, memory: { assignment: assignment(6, unit('a.service')) } });
    of.leader.heartbeat = { ok: true, assignment: 6, resync: false };
    await of.clock.advance(500);
    assert.deepEqual(of.running(), ['a.service']);
  });
});

describe('a node that is told to stop', { timeout: 30_000 }, () => {
  it('stops its units, says so, leaves the cluster, and ends', async () => {
    const of = world();
    of.behave({ '/stop': ends(exited(0), 5_000) });
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    of.node.stop('the node got SIGTERM');
    await of.clock.advance(4_999);
    assert.equal(of.node.state, 'draining');
    await of.clock.advance(1);
    assert.deepEqual([of.node.state, of.ended(), of.running()], ['left', null, []]);
    assert.equal((await written(of)).at(-1), '-a.service');
    const { id, ...leave } = of.leader.commands.at(-1) ?? { id: '' };
    const expected = { type: 'LeaveMachine', machine, session: 's1', reason: 'the node got SIGTERM', by: 'node/m1' };
    assert.ok(id);
    assert.deepEqual(leave, expected);
    assert.equal(of.saved()?.assignment, null, 'the next start asks the cluster');
  });

  it('ends also when nobody is there to tell', async () => {
    const of = world();
    await of.clock.advance(0);
    await of.publish(assignment(5, unit('a.service')), { bus: true, log: true });
    of.bus.disconnect();
    of.log.setAvailable(false);
    of.node.stop('the node got SIGTERM');
    await of.clock.advance(10_000);
    assert.deepEqual([of.ended(), of.running()], [null, []]);
  });

  it('before it could join stops what it had recovered', async () => {
    const memory = { bootId, assignment: assignment(5, unit('a.service')), rest: [] };
    for (const waitMs of [null, 0, 5_000]) {
      const of = world({ leaderless: true, memory });
      if (waitMs !== null) await of.clock.advance(waitMs);
      of.node.stop('the node got SIGTERM');
      await of.clock.advance(10_000);
      assert.deepEqual([of.ended(), of.running(), of.host.units.size], [null, [], 0]);
    }
  });

  it('before it could join says that its units are there for as long as they stop', async () => {
    const of = world({ memory: { assignment: assignment(5, unit('a.service')) } });
    of.leader.join = { ok: false, code: 'machine-id-in-use', message: 'm1 is in use', details: [] };
    await of.clock.advance(1_000);
    const before = of.leader.beats.length;
    of.node.stop('the node got SIGTERM');
    await of.clock.advance(0);
    assert.deepEqual([of.states.at(-2), of.leader.beats.length], ['draining', before + 1]);
    assert.deepEqual(of.leader.beats.at(-1)?.takesUp, { nodeKey: of.facts.nodeKey, bootId: of.facts.bootId });
  });
});
