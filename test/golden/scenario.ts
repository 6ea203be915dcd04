/** A fixed story in which every kind of event happens, told by a real scheduler and two nodes' reports. */

import { CommitLoop } from '../../services/scheduler/commitLoop.ts';
import type { Silence } from '../../services/scheduler/round.ts';
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
    await this.#say('m1', { type: 'UnitStateForgotten', machine: 'm1', unit: 'redis.service', reason: 'stopped' });
    await this.#say('m2', this.#reported('m2', 'redis.service', 9), this.#reported('m2', 'web.service', 9));
    await ask({ type: 'StopUnits', units: named('web.service') });
    await this.#cluster.append({
      cause: 'c-meta',
      events: [{ type: 'MachineMetadataChanged', machine: 'm1', metadata: { zone: 'x', disk: 'ssd' } }],
    });
    await this.#clock.advance(1_000);
    this.#silences.push({ machine: 'm2', silentMs: 2_100 });
    await ask({ type: 'UnloadUnits', units: named('web.service') });
    await ask({ type: 'JoinMachine', ...machineFacts('m2', { session: 'm2-2', metadata: { zone: 'y' } }) });
    await ask({ type: 'DestroyUnits', units: named('agent.service') });
    await ask({ type: 'LeaveMachine', machine: 'm1', session: 'm1-1', reason: 'the node got SIGTERM' });
    await this.#say(
      'm2',
      { type: 'NodeSynced', machine: 'm2', session: 'm2-2', reason: 'joined again' },
      this.#reported('m2', 'redis.service', 13),
    );
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
    return { type: 'UnitStateReported', machine, ...report(name, { goal, pid: 4_711, exit: { code: 0 } }) };
  }

  #startLoop(): CommitLoop {
    const loop = new CommitLoop({
      ...{ projection: this.#projection, writer: this.#cluster, clock: this.#clock, maxBytes: 1_000_000 },
      proveLeadership: () => Promise.resolve(),
      silences: () => this.#silences.splice(0),
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
