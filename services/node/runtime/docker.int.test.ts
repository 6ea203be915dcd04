import { randomBytes } from 'node:crypto';
import { describe } from 'node:test';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import { dockerSkip, ensureImage } from '../../../test/support/docker.ts';
import { createDockerRuntime, type DockerRuntime } from './docker.ts';
import { commandOf, describeRuntimeContract } from './runtime.contract.ts';

const skip = await dockerSkip();
if (!skip) await ensureImage('busybox');

const machineId = () => randomBytes(16).toString('hex');
const docker = (...args: string[]) => commandOf('/usr/bin/docker', ...args);
const busybox = (...args: string[]) => docker('run', '--rm', '-e', 'GREETING', 'flotilla/busybox', ...args);

describeRuntimeContract(
  'a Docker engine',
  async () => {
    const machine = machineId();
    return {
      makeRuntime: async () => createDockerRuntime({ machine, clock: systemClock }),
      drop: async (runtime) => (runtime as DockerRuntime).close(),
      cleanUp: async () => undefined,
      commandThat: {
        runsForever: () => busybox('sleep', '1000'),
        exitsWith: (code) => busybox('sh', '-c', `exit ${code}`),
        prints: (...lines) => busybox('printf', '%s\\n', ...lines),
        ignoresTerm: () => busybox('sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'),
        printsVariable: (name) => docker('run', '-e', name, 'flotilla/busybox', 'printenv', name),
        cannotStart: () => docker('run', 'flotilla.invalid/no-such-image', 'x'),
      },
    };
  },
  { skip, timeoutMs: 60_000 },
);
describe('x', () => undefined);
