import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import { createProcessRuntime, type ProcessRuntime } from './process.ts';
import { commandOf, describeRuntimeContract } from './runtime.contract.ts';

for (const controlGroups of [true, false]) {
  describeRuntimeContract(`processes ${controlGroups ? 'in control groups' : 'in sessions'}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'flotilla-process-'));
    return {
      makeRuntime: async () =>
        createProcessRuntime({ directory, machine: directory.slice(-6), clock: systemClock, controlGroups }),
      drop: async (runtime) => (runtime as ProcessRuntime).close(),
      cleanUp: () => rm(directory, { recursive: true }),
      commandThat: {
        runsForever: () => commandOf('sleep', '1000'),
        exitsWith: (code) => commandOf('/bin/sh', '-c', `exit ${code}`),
        prints: (...lines) => commandOf('printf', '%s\\n', ...lines),
        ignoresTerm: () => commandOf('sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'),
        printsVariable: (name) => commandOf('printenv', name),
        cannotStart: () => commandOf('/no/such/program'),
      },
    };
  });
}
