import { setTimeout as sleep } from 'node:timers/promises';
import { busybox } from '../../scripts/lab/engine.ts';
import { leaderOf, streamLeader } from '../../scripts/lab/faults/leaders.ts';
import type { Lab } from '../../scripts/lab/lab.ts';
import { awaitWhole } from '../../scripts/lab/whole.ts';
import { recordDir } from '../../scripts/lab/workload/units.ts';
import { allRun, type Contender, file, type Leads } from './trials.ts';

const timeoutMs = 60_000;
/** Until somebody leads again, whoever that is. */
const electionMs = 2_000;

/** The lab's own cluster, with what it does by default. */
export function flotilla(lab: Lab): Contender {
  const dir = recordDir(lab.seat);
  const exec = `/usr/bin/docker run --network none --volume ${dir}:${dir} ${busybox} sh ${dir}/counter.sh %n %m ${dir}`;
  const text = `[Service]\nExecStart=${exec}\n`;
  return {
    name: 'flotilla',
    start: async (programs) => {
      const units = programs.map((program) => ({ name: file(program), text }));
      const reply = await lab.client.command({ type: 'StartUnits', units });
      if (!reply.ok) throw new Error(reply.message);
      await allRun(lab, programs);
    },
    stop: async (programs) => {
      await lab.client.command({ type: 'DestroyUnits', units: programs.map((program) => ({ name: file(program) })) });
      const deadline = AbortSignal.timeout(timeoutMs);
      for (;;) {
        const running = await Promise.all(lab.machines.map(({ engine }) => engine.units()));
        if (running.flat().length === 0) return;
        if (deadline.aborted) throw new Error('the units do not stop');
        await sleep(100);
      }
    },
    nameOf: ({ id }) => id,
    victim: async (leads) => {
      const { stream, scheduler } = await leaders(lab, leads);
      const isMeant = {
        nothing: (host: string) => host !== stream && host !== scheduler,
        decisions: (host: string) => host === scheduler,
        all: (host: string) => host === stream,
      }[leads];
      const found = lab.machines.find(({ host }) => isMeant(host));
      if (!found) throw new Error('there is no such machine');
      return found;
    },
    recover: async () => {
      const { missing } = await awaitWhole(lab, [], timeoutMs);
      if (missing !== null) throw new Error(missing);
    },
  };
}

/** The hosts that lead. Where it is to be two of them, the scheduler is restarted until another one leads. */
async function leaders(lab: Lab, leads: Leads): Promise<{ stream: string; scheduler: string }> {
  for (;;) {
    const stream = (await streamLeader(lab)).service.host;
    const scheduler = await leaderOf(lab.schedulers);
    if (leads !== 'decisions' || scheduler.host !== stream) return { stream, scheduler: scheduler.host };
    await scheduler.stop();
    await scheduler.start();
    await sleep(electionMs);
  }
}
