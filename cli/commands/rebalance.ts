import { delay } from '../../shared/clock/clock.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { Balance, PlannedMove, RebalancePlan } from '../../shared/protocol/queries.ts';
import { type Client, withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode, FailureError } from '../errors.ts';
import type { Io } from '../io.ts';
import { type Column, renderTable } from '../table.ts';
import type { Invocation } from '../verb.ts';
import { count, shortId } from '../words.ts';

const pollMs = 500;
const defaultMoves = 100;
const mostMoves = 100_000;
/** A plan of many moves takes a scheduler its time. */
const patienceMs = 30_000;

/** Evens the cluster out, or says what that would do; the cluster goes on with it whether somebody waits or not. */
export function rebalance(call: Invocation): Promise<number> {
  const { io, options } = call;
  const maxMoves = options.count('maxMoves', { min: 1, max: mostMoves }) ?? defaultMoves;
  const reason = options.text('reason') ?? '';
  return withClient(call, async (client) => {
    if (options.flag('stop')) {
      await demand(client, { type: 'StopRebalance', reason: reason === '' ? 'somebody stopped it' : reason });
      io.out('No unit is moved any more but those that are on their way');
      return exitCode.done;
    }
    const { data: plan } = await client.query({ type: 'PlanRebalance', maxMoves }, { patienceMs });
    if (options.flag('json')) io.out(JSON.stringify(plan));
    else show(call, plan);
    if (options.flag('dryRun')) return exitCode.done;
    // One that is under way may have moves left that nobody can see yet: it is waited for.
    const { data: known } = await client.query({ type: 'GetRebalance' });
    const isUnderWay = known.rebalance !== null && known.rebalance.ended === undefined;
    if (plan.moves.length === 0 && !isUnderWay) return exitCode.done;
    const minSeq = await demand(client, { type: 'Rebalance', reason, maxMoves });
    if (options.flag('block')) await awaitEven(client, io, minSeq);
    return exitCode.done;
  });
}

function show({ io, options }: Invocation, { moves, before, after }: RebalancePlan): void {
  if (moves.length === 0) return io.out('Nothing to do: no move makes the cluster more even');
  for (const line of renderTable(moves, columns, { columns: io.columns, legend: true })) io.out(line);
  const words = options.flag('dryRun') ? 'would make' : 'make';
  io.out(`${count(moves.length, 'move')} ${words} of ${describe(before)}: ${describe(after)}`);
}

const columns: Column<PlannedMove>[] = [
  { head: 'UNIT', cell: ({ unit }) => unit },
  { head: 'FROM', cell: ({ from }) => shortId(from) },
  { head: 'TO', cell: ({ to }) => shortId(to) },
  { head: 'WHY', cell: ({ why }) => why },
];

/** `spread 4, affinity 50, reserved 0.412, units 3.6`: what plays no role is left out. */
function describe({ spread, affinity, load, units }: Balance): string {
  return [
    ...(spread.length > 0 ? [`spread ${spread.join('/')}`] : []),
    ...(affinity === 0 ? [] : [`affinity ${affinity}`]),
    ...(load === 0 ? [] : [`reserved ${load.toFixed(3)}`]),
    `units ${units.toFixed(2)}`,
  ].join(', ');
}

/** @throws {FailureError} a unit was not well where it was moved to. */
async function awaitEven(client: Client, io: Io, minSeq: number): Promise<void> {
  for (;;) {
    const { data } = await client.query({ type: 'GetRebalance' }, { minSeq });
    const { moves = 0, last, ended } = data.rebalance ?? {};
    if (ended !== undefined) {
      io.progress(null);
      if (ended.outcome === 'failed')
        throw new FailureError(`the rebalance is over: ${ended.reason}`, { details: [look] });
      return io.out(`The rebalance is over after ${count(moves, 'move')}: ${ended.reason}`);
    }
    io.progress(`${count(moves, 'unit')} moved${last === undefined ? '' : `; ${last} was the last`}`);
    await delay(systemClock, pollMs);
  }
}

const look = 'flotilla status UNIT says why; flotilla rebalance goes on';
