/** Whether a real engine tells that the memory of a container has run out. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import { interpretUnit } from '../../../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../../shared/domain/unitName.ts';
import { dockerSkip, ensureImage } from '../../../../test/support/docker.ts';
import { createDockerRuntime } from '../docker.ts';

const skip = await dockerSkip();
if (!skip) await ensureImage('busybox');

/** A child takes what there is, again and again; its parent, the main process, goes on. */
const text = `[Service]
ExecStart=/bin/sh -c 'while :; do head -c 200000000 /dev/zero | tail; sleep 0.2; done'
MemoryMax=16M
MemorySwapMax=0
[X-Flotilla]
Image=flotilla/busybox
`;

describe('a container whose memory runs out', { skip, timeout: 60_000 }, () => {
  it('is told of while its main process runs on', async () => {
    const name = parseUnitName('hungry.service').value;
    assert.ok(name);
    const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
    assert.deepEqual(problems, []);
    const { service } = spec ?? {};
    const [command] = service?.execStart ?? [];
    assert.ok(service && command);
    const runtime = createDockerRuntime({ machine: randomBytes(16).toString('hex'), clock: systemClock });
    try {
      const main = await runtime.start({ unit: name.name, hash: 'h', token: 1, command, service, environment: {} });
      await new Promise<void>((resolve) => main.watchMemory?.(resolve));
      assert.equal(await Promise.race([main.exited, runtime.list()]).then(String), name.name, 'it has ended');
      await main.signal('SIGKILL', 'all');
      await main.exited;
    } finally {
      await runtime.remove(name.name);
      runtime.close();
    }
  });
});
