/** One unit on this machine: the actor that follows `unitChart.ts`. */
import { createActor } from 'xstate';
import type { DependentUnit, UnitHandlers } from './unit.ts';
import { unitMachine } from './unitChart.ts';
import { mayBeUpheld, type UnitInput } from './unitContext.ts';
import { reportOf, standingOf } from './unitReport.ts';

/** In these nothing of the unit runs, nor will without a wish. */
const restingStates = ['inactive', 'failed', 'gone'] as const;

/**
 * Starts the actor of a unit. `onReport` is called whenever what there is to report changes, first as soon as it is
 * known whether an earlier agent left it running.
 */
export function createUnit(input: UnitInput, handlers: UnitHandlers): DependentUnit {
  const actor = createActor(unitMachine, { input, clock: input.clock });
  let last = '';
  actor.subscribe({
    next: (snapshot) => {
      if (snapshot.matches({ resuming: 'looking' }) || snapshot.matches('gone')) return;
      const report = reportOf(snapshot.value, snapshot.context);
      const text = JSON.stringify(report);
      if (text !== last) handlers.onReport(report);
      last = text;
    },
    complete: () => {
      if (actor.getSnapshot().matches('gone')) handlers.onGone();
    },
  });
  actor.start();
  const report = () => {
    const { value, context } = actor.getSnapshot();
    return reportOf(value, context);
  };
  return {
    announcements: input.spec.announcements,
    service: input.spec.service,
    get assigned() {
      return actor.getSnapshot().context.assigned;
    },
    get retiring() {
      return actor.getSnapshot().context.retiring;
    },
    get stopped() {
      const snapshot = actor.getSnapshot();
      return restingStates.some((state) => snapshot.matches(state));
    },
    report,
    ended: () => actor.getSnapshot().context.ended.list(),
    setGoal: (assigned) => actor.send({ type: 'SET_GOAL', assigned }),
    activate: (reason, told = {}) => actor.send({ type: 'ACTIVATE', reason, told }),
    retire: (reason) => actor.send({ type: 'RETIRE', reason }),
    suspend: (reason) => actor.send({ type: 'SUSPEND', reason }),
    resume: () => actor.send({ type: 'RESUME' }),
    standing: () => {
      const { value, context } = actor.getSnapshot();
      return standingOf(value, context);
    },
    get mayBeUpheld() {
      return mayBeUpheld(actor.getSnapshot().context);
    },
    uphold: () => actor.send({ type: 'UPHOLD' }),
    setGate: (gate) => actor.send({ type: 'GATE', gate }),
    expel: () => actor.send({ type: 'EXPEL' }),
    abandon: () => actor.stop(),
  };
}
