/** A fixed story in which every kind of event happens, told by a real scheduler and two nodes' reports. */

import { CommitLoop } from '../../services/scheduler/commitLoop.ts';
import type { Silence } from '../../services/scheduler/policy/liveness.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import type { NodeEvent } from '../../shared/domain/events.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { Projection } from '../../shared/log/projection.ts';
import { createSubjectWriter, type SubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { CommandBody, CommandReply } from '../../shared/protocol/commands.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { machineFacts, report } from '../support/samples.ts';

/** One message of the log, as it is kept in `events.jsonl`. */
export interface GoldenRecord {
  seq: number;
  subject: string;
  data: string;
}

const text = '[Service]\nExecStart=/usr/bin/redis-server\n';
const unit = (name: string, ...fleet: string[]) => ({ name, text: [text, '[X-Fleet]', ...fleet, ''].join('\n') });
const named = (...names: string[]) => names.map((name) => ({ name }));

/** Tells the story; the same bytes every time. */
export async function tellStory(): Promise<GoldenRecord[]> {
  const teller = new Teller();
  try {
    await teller.tell();
    return teller.records;
  } finally {
    teller.stop();
  }
}

class Teller {
  readonly records: GoldenRecord[] = [];
  readonly #clock = createSimulatedClock(Date.UTC(2026, 0, 1));
  readonly #log = createMemoryLog().open();
  readonly #projection = new Projection();
  readonly #over = new AbortController();
  readonly #silences: Silence[] = [];
  readonly #cluster = this.#writer(subjects.clusterLog, 'scheduler/s1');
  readonly #nodes = new Map<string, SubjectWriter>();
  #lastId = 0;

  stop(): void {
    this.#over.abort();
  }

  async tell(): Promise<void> {
    void this.#follow();
    await this.#cluster.append({
      cause: 'election 1',
      events: [{ type: 'LeaderElected', role: 'scheduler', epoch: 1, leader: 's1', cluster: 'c1' }],
    });
    await this.#clock.advance(1_000);
    const loop = this.#startLoop();
    const ask = (body: CommandBody) => this.#ask(loop, body);
    await ask({
      type: 'JoinMachine',
      ...machineFacts('m1', { metadata: { zone: 'x' }, capacity: { memoryBytes: 2 ** 30, cpus: 2 } }),
    });
    await ask({
      type: 'JoinMachine',
      ...machineFacts('m2', { metadata: { zone: 'y' }, runtimes: ['process', 'docker'] }),
    });
    await ask({
      type: 'StartUnits',
      units: [unit('redis.service', 'MachineMetadata=zone=x'), unit('web.service', 'MachineOf=redis.service')],
    });
    await this.#say(
      'm1',
      { type: 'NodeSynced', machine: 'm1', session: 'm1-1', reason: 'joined' },
      this.#reported('m1', 'redis.service', 5),
    );
    await ask({
      type: 'StartUnits',
      units: [unit('agent.service', 'Global=true'), unit('rival.service', 'Conflicts=*.service')],
    });
    await ask({ type: 'RestartUnits', units: named('redis.service') });
    await ask({ type: 'StartUnits', units: [unit('redis.service', 'MachineMetadata=zone=y')], replace: true });
    const ran = { unit: 'redis.service', by: 'ada@example', argv: ['redis-cli', 'PING'] };
    await this.#say('m1', { type: 'UnitCommandRun', machine: 'm1', ...ran });
    await this.#say('m1', { type: 'UnitStateForgotten', machine: 'm1', unit: 'redis.service', reason: 'stopped' });
    await this.#say('m2', this.#reported('m2', 'redis.service', 9), this.#reported('m2', 'web.service', 9));
    await ask({ type: 'StopUnits', units: named('web.service') });
    await ask({ type: 'ChangeMachineMetadata', changes: [{ machine: 'm1', key: 'disk', value: 'ssd' }] });
    await this.#whileSilent('m2', () => ask({ type: 'UnloadUnits', units: named('web.service') }));
    await ask({ type: 'JoinMachine', ...machineFacts('m2', { session: 'm2-2', metadata: { zone: 'y' } }) });
    await ask({ type: 'DestroyUnits', units: named('agent.service') });
    await ask({ type: 'LeaveMachine', machine: 'm1', session: 'm1-1', reason: 'the node got SIGTERM' });
    await this.#say(
      'm2',
      { type: 'NodeSynced', machine: 'm2', session: 'm2-2', reason: 'joined again' },
      this.#reported('m2', 'redis.service', 13),
    );
    await this.#rollOut(ask);
    await ask({ type: 'CordonMachines', machines: ['m2'], reason: 'new disks', drain: 'one-by-one' });
    await ask({ type: 'UncordonMachines', machines: ['m2'] });
    await ask({ type: 'Rebalance', reason: 'a new machine', maxMoves: 10 });
    await ask({ type: 'CordonMachines', machines: ['m1'], reason: 'gone for good', drain: 'at-once' });
    await ask({
      type: 'SubmitUnits',
      units: [{ name: 'private.service', text: `${text}PrivateTmp=yes\n` }],
      allowUnsupported: true,
    });
    await ask({
      type: 'StartUnits',
      units: [
        { name: 'site.service', text: `[Unit]\nRequires=store.service\nAfter=store.service\n${text}` },
        { name: 'store.service', text: `[Unit]\nWants=redis.service\n${text}` },
      ],
    });
    await ask({ type: 'RestartUnits', units: named('store.service') });
    await ask({ type: 'StopUnits', units: named('store.service') });
    const reloads = { name: 'reloads.service', text: `${text}ExecReload=/bin/kill -HUP $MAINPID\n` };
    await ask({ type: 'StartUnits', units: [reloads] });
    await this.#say('m2', this.#reported('m2', 'reloads.service', 100));
    await ask({ type: 'ReloadUnits', units: named('reloads.service') });
    const oops = { name: 'oops.service', text: `[Unit]\nOnFailure=alarm.service nowhere.service\n${text}` };
    await ask({ type: 'StartUnits', units: [oops] });
    await ask({ type: 'SubmitUnits', units: [{ name: 'alarm.service', text }] });
    const failed = { active: 'failed', sub: 'failed', result: 'exit-code', goal: 100 } as const;
    await this.#say('m2', { type: 'UnitStateReported', machine: 'm2', ...report('oops.service', failed) });
    await ask({ type: 'StopUnits', units: named('reloads.service') });
    await this.#elapse(ask);
    await ask({ type: 'StartUnits', units: [unit('never-twice.service', '[X-Flotilla]', 'OnDisconnect=stop')] });
    await this.#whileSilent('m2', () => ask({ type: 'StopUnits', units: named('never-twice.service') }));
    await this.#cluster.append({
      cause: 'lease-ended m2',
      events: [{ type: 'UnitLeaseEnded', unit: 'never-twice.service', machine: 'm2', reason: 'its lease is over' }],
    });
    await this.#reschedule(ask);
    await ask({ type: 'ForgetMachines', machines: ['m2'], reason: 'its disk is gone' });
  }

  /** A timer that is active, and has started its service. */
  async #elapse(ask: (body: CommandBody) => Promise<void>): Promise<void> {
    await ask({ type: 'SubmitUnits', units: [{ name: 'backup.service', text }] });
    await ask({ type: 'StartUnits', units: [{ name: 'backup.timer', text: '[Timer]\nOnCalendar=hourly\n' }] });
    const timer = { since: Date.UTC(2026, 0, 1), last: Date.UTC(2026, 0, 1, 1), next: Date.UTC(2026, 0, 1, 2) };
    const waits = report('backup.timer', { sub: 'waiting', goal: 100, timer });
    await this.#say('m2', { type: 'UnitStateReported', machine: 'm2', ...waits });
    await ask({ type: 'StopUnits', units: named('backup.timer') });
  }

  async #whileSilent(machine: string, act: () => Promise<unknown>): Promise<void> {
    this.#silences.push({ machine, silentMs: 2_100, allowedMs: 0, startingMs: null });
    await act();
    this.#silences.pop();
  }

  /** A new version that is well, and one that fails, so that the old one comes back. */
  async #rollOut(ask: (body: CommandBody) => Promise<void>): Promise<void> {
    const rolling = { maxUnavailable: 1, settleMs: 500, timeoutMs: 60_000 };
    const replace = (directive: string): CommandBody => {
      const units = [{ name: 'redis.service', text: `${text}${directive}\n[X-Fleet]\nMachineMetadata=zone=y\n` }];
      return { type: 'StartUnits', units, replace: true, rolling };
    };
    const look = () => ask({ type: 'UncordonMachines', machines: ['m2'] });
    await ask(replace('Nice=1'));
    await this.#say('m2', this.#reported('m2', 'redis.service', 100));
    for (let looks = 0; looks < 2; looks++) await look();
    await ask(replace('Nice=2'));
    await this.#say('m2', {
      ...{ type: 'UnitStateReported', machine: 'm2' },
      ...report('redis.service', { goal: 100, active: 'failed', sub: 'failed', result: 'exit-code' }),
    });
    await look();
    await this.#say('m2', this.#reported('m2', 'redis.service', 100));
    for (let looks = 0; looks < 2; looks++) await look();
  }

  /** A unit that fails on one machine, is well on another, and may return in the end. */
  async #reschedule(ask: (body: CommandBody) => Promise<void>): Promise<void> {
    for (const machine of ['m3', 'm4', 'm5']) await ask({ type: 'JoinMachine', ...machineFacts(machine) });
    await ask({ type: 'StartUnits', units: [unit('flaky.service', '[X-Flotilla]', 'RescheduleAfter=1s')] });
    await this.#say('m5', {
      ...{ type: 'UnitStateReported', machine: 'm5' },
      ...report('flaky.service', { goal: 1_000, active: 'failed', sub: 'failed', result: 'start-limit-hit' }),
    });
    for (let looks = 0; looks < 6; looks++) await ask({ type: 'UncordonMachines', machines: ['m2'] });
  }

  async #ask(loop: CommitLoop, body: CommandBody): Promise<void> {
    const command = { ...body, id: `command-${++this.#lastId}`, by: 'ada@example' };
    const reply = await new Promise<CommandReply>((resolve) => loop.submit(command, resolve));
    if (!reply.ok) throw new Error(`${body.type} was refused: ${reply.message}`);
    await this.#clock.advance(1_000);
  }

  async #say(machine: string, ...events: NodeEvent[]): Promise<void> {
    const writer = this.#nodes.get(machine) ?? this.#writer(subjects.nodeLog(machine), `node/${machine}`);
    this.#nodes.set(machine, writer);
    await writer.append({ cause: 'unit states', events });
    await this.#clock.advance(1_000);
  }

  #reported(machine: string, name: string, goal: number): NodeEvent {
    return {
      type: 'UnitStateReported',
      machine,
      ...report(name, { goal, pid: 4_711, health: 'healthy', exit: { code: 0 } }),
    };
  }

  #startLoop(): CommitLoop {
    const loop = new CommitLoop({
      ...{ projection: this.#projection, writer: this.#cluster, clock: this.#clock, maxBytes: 1_000_000 },
      proveLeadership: () => Promise.resolve(),
      silences: () => [...this.#silences],
      onSlowLog: () => undefined,
      onCommitted: () => undefined,
    });
    void loop.run(this.#over.signal);
    return loop;
  }

  #writer(subject: string, by: string): SubjectWriter {
    const ids = () => `commit-${++this.#lastId}`;
    return createSubjectWriter({ log: this.#log, subject, by, ids, clock: this.#clock, signal: this.#over.signal });
  }

  async #follow(): Promise<void> {
    for await (const record of this.#log.tail({ fromSeq: 1, signal: this.#over.signal })) {
      this.#projection.apply(record);
      this.records.push({ seq: record.seq, subject: record.subject, data: new TextDecoder().decode(record.data) });
    }
  }
}
