/** Whether the log has everything that was acknowledged. */
import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { EventLog } from '../../../shared/log/eventLog.ts';
import { readHistory } from '../../../shared/log/history.ts';
import { Projection } from '../../../shared/log/projection.ts';
import type { CommandRecord, Wish } from '../workload/commandStream.ts';

export interface LogFacts {
  /** Acknowledged commands that are not true of the state at the sequence that their answer named. */
  lost: CommandRecord[];
  /** When machines were lost, wall clock ms, and why. */
  machinesLost: { machine: string; at: number; reason: string }[];
  commits: number;
  state: ClusterState;
}

/**
 * Folds the whole log. A unit gets its commands one after the other, from one client: so at the sequence of an answer
 * the state has to be what the command asked for.
 * @throws {BrokenChainError | CorruptCommitError} the log is damaged.
 */
export async function checkLog(log: EventLog, commands: readonly CommandRecord[]): Promise<LogFacts> {
  const projection = new Projection();
  const waiting = commands.filter(hasSeq).sort((a, b) => b.seq - a.seq);
  const facts: LogFacts = { lost: [], machinesLost: [], commits: 0, state: projection.state };
  const judgeUntil = (seq: number) => {
    for (let next = waiting.at(-1); next && next.seq < seq; next = waiting.at(-1)) {
      if (!isTrue(projection.state, next)) facts.lost.push(next);
      waiting.pop();
    }
  };
  for await (const record of readHistory(log, {})) {
    judgeUntil(record.seq);
    const commit = projection.apply(record);
    facts.commits += 1;
    for (const event of commit.events) {
      if (event.type !== 'MachineLost') continue;
      facts.machinesLost.push({ machine: event.machine, at: commit.at, reason: event.reason });
    }
  }
  judgeUntil(projection.seq + 1);
  // Of sequences that the log does not have.
  facts.lost.push(...waiting);
  return facts;
}

function hasSeq(record: CommandRecord): record is CommandRecord & { seq: number } {
  return record.seq !== null;
}

function isTrue(state: ClusterState, { unit, wish }: { unit: string; wish: Wish }): boolean {
  const record = state.units.get(unit);
  if (wish === 'gone' || record === undefined) return wish === 'gone' && record === undefined;
  return wish === 'stopped' ? record.desired !== 'launched' : record.desired === wish;
}
