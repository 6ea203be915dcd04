import { setTimeout as sleep } from 'node:timers/promises';
import { busybox } from '../../scripts/lab/engine.ts';
import { leaderOf, streamLeader } from '../../scripts/lab/faults/leaders.ts';
import type { Lab } from '../../scripts/lab/lab.ts';
import type { Service } from '../../scripts/lab/service.ts';
import { awaitWhole } from '../../scripts/lab/whole.ts';
import { recordDir } from '../../scripts/lab/workload/units.ts';
import { streams } from '../../shared/protocol/subjects.ts';
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
      for (;;) {
        const leading = await leaders(lab);
        const found = lab.machines.find(({ host }) => isMeant[leads](host, leading));
        if (found) return found;
        // Until another one leads.
        await leading.scheduler.stop();
        await leading.scheduler.start();
        await sleep(electionMs);
      }
    },
    recover: async () => {
      const { missing } = await awaitWhole(lab, [], timeoutMs);
      if (missing !== null) throw new Error(missing);
    },
  };
}

interface Leading {
  scheduler: Service;
  /** The hosts whose NATS servers lead the streams that decisions need. */
  log: string;
  fence: string;
}

const isMeant: { [leads in Leads]: (host: string, leading: Leading) => boolean } = {
  nothing: (host, { scheduler, log, fence }) => ![scheduler.host, log, fence].includes(host),
  decisions: (host, { scheduler, log, fence }) => host === scheduler.host && ![log, fence].includes(host),
  all: (host, { log }) => host === log,
};

async function leaders(lab: Lab): Promise<Leading> {
  const hostOf = async (stream: string) => (await streamLeader(lab, stream)).service.host;
  return {
    scheduler: await leaderOf(lab.schedulers),
    log: await hostOf(streams.log),
    fence: await hostOf(streams.fence),
  };
}
