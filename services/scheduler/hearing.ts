import type { Bus, BusMessage } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { Projection } from '../../shared/log/projection.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { parseHeartbeatSubject, subjects } from '../../shared/protocol/subjects.ts';
import { MachineWatch } from './machineWatch.ts';
import { parseHeartbeat } from './parseHeartbeat.ts';

export interface HearingOptions {
  bus: Bus;
  clock: Clock;
  projection: Projection;
  machineTimeoutMs?: number;
}

type Answer = (machine: string, heartbeat: Heartbeat) => HeartbeatReply;

const defaultMachineTimeoutMs = 2_000;

/** The heartbeats of machines as a scheduler hears them, whoever leads; who leads answers them. */
export class Hearing {
  readonly watch: MachineWatch;
  readonly #projection: Projection;
  readonly #ends: (() => void)[];
  #answer: Answer | null = null;

  constructor({ bus, clock, projection, machineTimeoutMs: timeoutMs = defaultMachineTimeoutMs }: HearingOptions) {
    this.#projection = projection;
    const machines = () => readyMachines(projection.state);
    this.watch = new MachineWatch({ bus, clock, timeoutMs, machines });
    const heartbeats = bus.subscribe(subjects.allHeartbeats, (message) => this.#hear(message));
    const stopListening = projection.onCommit(({ events }) => {
      for (const event of events) {
        if (event.type === 'MachineJoined') this.watch.heard(event.machine);
        else if (event.type === 'MachineLost' || event.type === 'MachineLeft') this.watch.forget(event.machine);
      }
    });
    this.#ends = [() => heartbeats.unsubscribe(), stopListening, () => this.watch.end()];
  }

  /** From now on heartbeats are answered so, until the function that it returns is called. */
  answerWith(answer: Answer): () => void {
    this.#answer = answer;
    return () => {
      if (this.#answer === answer) this.#answer = null;
    };
  }

  end(): void {
    for (const end of this.#ends) end();
  }

  #hear({ subject, data, respond }: BusMessage): void {
    const machine = parseHeartbeatSubject(subject);
    const heartbeat = parseHeartbeat(data);
    if (machine === null || heartbeat === null) return;
    this.#note(machine, heartbeat);
    if (this.#answer) respond(encodeJson(this.#answer(machine, heartbeat)));
  }

  #note(machine: string, heartbeat: Heartbeat): void {
    const known = this.#projection.state.machines.get(machine);
    if (known?.state !== 'ready') return;
    const { session, takesUp } = heartbeat;
    if (known.session === session) this.watch.heard(machine, heartbeat);
    else if (takesUp?.nodeKey === known.nodeKey && takesUp.bootId === known.bootId) this.watch.heardStarting(machine);
  }
}

export function readyMachines({ machines }: ClusterState): string[] {
  return [...machines.values()].filter(({ state }) => state === 'ready').map(({ machine }) => machine);
}
