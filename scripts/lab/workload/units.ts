/** The units of a lab. Each runs the counter, so that what it really did can be compared with what the log says. */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NamedUnit } from '../../../shared/protocol/commands.ts';
import { busybox } from '../engine.ts';
import type { LabSeat } from '../guard.ts';

const counter = fileURLToPath(new URL('counter.sh', import.meta.url));

export interface LabUnit {
  name: string;
  text: string;
  /** `OnDisconnect=stop`: it must never run twice at once. */
  alone: boolean;
}

/** Where the units write down that they run. */
export function recordDir({ dir }: Pick<LabSeat, 'dir'>): string {
  return join(dir, 'record');
}

export async function prepareRecord(seat: LabSeat): Promise<void> {
  await mkdir(recordDir(seat));
  await copyFile(counter, join(recordDir(seat), 'counter.sh'));
}

/** Units that are launched and stay so: of each kind and each policy so many. */
export function registerOfUnits(seat: LabSeat, each: number): LabUnit[] {
  const kinds = [true, false].flatMap((docker) => [true, false].map((alone) => ({ docker, alone })));
  return kinds.flatMap(({ docker, alone }) =>
    Array.from({ length: each }, (_, index) => {
      const name = `${alone ? 'alone' : 'keep'}-${docker ? 'container' : 'process'}-${index + 1}.service`;
      return labUnit(seat, { name, docker, alone });
    }),
  );
}

/** Units that are started, stopped and destroyed all the time. */
export function changingUnits(seat: LabSeat, count: number): LabUnit[] {
  return Array.from({ length: count }, (_, index) =>
    labUnit(seat, { name: `changing-${index + 1}.service`, docker: false, alone: false }),
  );
}

function labUnit(seat: LabSeat, { name, docker, alone }: { name: string; docker: boolean; alone: boolean }): LabUnit {
  const dir = recordDir(seat);
  const counting = `sh ${dir}/counter.sh %n %m ${dir}`;
  const container = `--name %p --network none --volume ${dir}:${dir} ${busybox}`;
  const exec = docker ? `/usr/bin/docker run ${container} ${counting}` : `/bin/${counting}`;
  const restart = ['Restart=always', 'RestartSec=100ms'];
  const policy = alone ? ['[X-Flotilla]', 'OnDisconnect=stop'] : [];
  return {
    name,
    alone,
    text: `${['[Unit]', 'StartLimitIntervalSec=0', '[Service]', `ExecStart=${exec}`, ...restart, ...policy].join('\n')}\n`,
  };
}

export function named({ name, text }: LabUnit): NamedUnit {
  return { name, text };
}
