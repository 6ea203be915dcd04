/** Limits, scheduling and resources of real processes, told by the kernel itself and by util-linux. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import { interpretUnit } from '../../../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../../shared/domain/unitName.ts';
import type { ServiceSpec } from '../../../../shared/domain/unitSpec.ts';
import { until } from '../../../../test/support/until.ts';
import { resultOf } from '../../policy/restart.ts';
import { createProcessRuntime, type ProcessRuntime } from '../process.ts';
import type { MainProcess } from '../runtime.ts';
import { findLimitSite } from './limitGroups.ts';

const unit = 'a.service';
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const isRoot = process.getuid?.() === 0;
const site = findLimitSite('flotilla-test');
const noMemory = site?.parents.memory === undefined && 'this machine has no control groups that limit memory';

describe('a process unit', { timeout: 60_000, skip: !isRoot && 'only root may raise limits' }, () => {
  let directory: string;
  let runtime: ProcessRuntime;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-limits-'));
    runtime = createProcessRuntime({ directory, machine: directory.slice(-6), clock: systemClock });
  });
  afterEach(async () => {
    await runtime.remove(unit);
    runtime.close();
    await rm(directory, { recursive: true });
  });

  async function start(directives: string[], script: string): Promise<MainProcess & { service: ServiceSpec }> {
    const name = parseUnitName(unit).value;
    assert.ok(name);
    const text = `[Service]\nExecStart=/bin/sh -c '${script}'\n${directives.join('\n')}\n`;
    const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
    assert.deepEqual(problems, []);
    const service = spec?.service;
    const [command] = service?.execStart ?? [];
    assert.ok(service && command);
    const main = await runtime.start({ unit, hash: 'h', token: 1, command, service, environment });
    return Object.assign(main, { service });
  }

  async function outputOf(directives: string[], script: string): Promise<string[]> {
    const main = await start(directives, script);
    const exit = await main.exited;
    const output = await readFile(join(directory, 'units', unit, 'journal'), 'utf8');
    assert.deepEqual(exit, { kind: 'exited', code: 0 }, output);
    return output.trimEnd().split('\n');
  }

  it('has the limits of Limit…=, soft and hard, and nothing of it where it says nothing', async () => {
    const directives = [
      'LimitNOFILE=100:200',
      'LimitCORE=0',
      'LimitCPU=1min:infinity',
      'LimitMEMLOCK=1M',
      'LimitSIGPENDING=77',
    ];
    const lines = await outputOf(directives, 'cat /proc/self/limits');
    const found = (name: string) =>
      lines
        .find((line) => line.startsWith(name))
        ?.slice(name.length)
        .trim()
        .split(/\s+/)
        .slice(0, 2);
    assert.deepEqual(found('Max open files'), ['100', '200']);
    assert.deepEqual(found('Max core file size'), ['0', '0']);
    assert.deepEqual(found('Max cpu time'), ['60', 'unlimited']);
    assert.deepEqual(found('Max locked memory'), ['1048576', '1048576']);
    assert.deepEqual(found('Max pending signals'), ['77', '77']);
    const own = readFileSync('/proc/self/limits', 'utf8').split('\n');
    for (const name of ['Max stack size', 'Max processes']) {
      assert.equal(
        lines.find((line) => line.startsWith(name)),
        own.find((line) => line.startsWith(name)),
      );
    }
  });

  it('is scheduled as it says', async () => {
    const directives = [
      'Nice=7',
      'OOMScoreAdjust=123',
      'IOSchedulingClass=best-effort',
      'IOSchedulingPriority=6',
      'CPUSchedulingPolicy=batch',
      'CPUAffinity=0',
      'UMask=0077',
    ];
    const lines = await outputOf(
      directives,
      'nice; cat /proc/self/oom_score_adj; ionice; chrt -p $$ | head -1 | grep -o SCHED_.*; taskset -cp $$ | grep -o [0-9,-]*$; umask',
    );
    assert.deepEqual(lines, ['7', '123', 'best-effort: prio 6', 'SCHED_BATCH', '0', '0077']);
  });

  it('gains no new privileges where NoNewPrivileges= forbids it, as whatever user', async () => {
    const script = 'sed -n s/^NoNewPrivs://p /proc/self/status';
    for (const [directives, expected] of [
      [[], '0'],
      [['NoNewPrivileges=no'], '0'],
      [['NoNewPrivileges=yes'], '1'],
      [['NoNewPrivileges=yes', 'User=daemon'], '1'],
    ] as const) {
      assert.equal((await outputOf([...directives], script)).at(-1)?.trim(), expected, directives.join());
    }
  });

  it('belongs to the groups of SupplementaryGroups= beside its user’s own', async () => {
    const lines = await outputOf(['User=daemon', 'SupplementaryGroups=mail adm'], 'id -un; id -Gn');
    assert.equal(lines[0], 'daemon');
    assert.deepEqual(lines[1]?.split(' ').toSorted(), ['adm', 'daemon', 'mail']);
  });

  it('that takes more memory than MemoryMax= ends as oom-kill, also where it was only a child', {
    skip: noMemory,
  }, async () => {
    const hungry = 'head -c 200M /dev/zero | tail';
    for (const script of [hungry, `exec ${hungry}`, `${hungry}; exit 3`]) {
      const main = await start(['MemoryMax=16M', 'MemorySwapMax=0'], script);
      const exit = await main.exited;
      assert.equal(resultOf(main.service, exit), 'oom-kill', `${script}: ${JSON.stringify(exit)}`);
    }
  });

  it('is told of at once when the kernel has killed a child of it, while its main process runs on', {
    skip: noMemory,
  }, async () => {
    const main = await start(['MemoryMax=16M', 'MemorySwapMax=0'], 'head -c 200M /dev/zero | tail; exec sleep 600');
    await new Promise<void>((resolve) => main.watchMemory?.(resolve));
    assert.equal(await Promise.race([main.exited, runtime.list()]).then(String), unit, 'it has ended');
    // Who comes later, as the next agent does, is told the same.
    const adopted = await runtime.adopt({ unit, hash: 'h' });
    await new Promise<void>((resolve) => adopted?.watchMemory?.(resolve));
    await main.signal('SIGKILL', 'all');
    assert.equal(resultOf(main.service, await main.exited), 'oom-kill');
    assert.equal(resultOf({ ...main.service, oomPolicy: 'continue' }, await main.exited), 'signal');
  });

  it('has no more tasks than TasksMax=, and what CPUQuota=, CPUWeight= and AllowedCPUs= say', {
    skip: noMemory,
  }, async () => {
    const main = await start(
      ['TasksMax=5', 'CPUQuota=50%', 'CPUWeight=200', 'AllowedCPUs=0', 'MemoryMax=64M'],
      'for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait',
    );
    const { limits } = JSON.parse(JSON.stringify(await recordOf())) as { limits: string[] };
    const read = (name: string) =>
      limits
        .map((group) => join(group, name))
        .filter((file) => existsSync(file))
        .map((file) => readFileSync(file, 'utf8').trim());
    assert.deepEqual(read('memory.limit_in_bytes').concat(read('memory.max')), [String(64 * 1024 * 1024)]);
    assert.deepEqual(read('pids.max'), ['5']);
    assert.ok(Number(read('pids.current')[0]) <= 5);
    assert.deepEqual(read('cpuset.cpus'), ['0']);
    assert.deepEqual(read('cpu.cfs_quota_us').concat(read('cpu.max')), [
      site?.version === 1 ? '50000' : '50000 100000',
    ]);
    assert.deepEqual(read('cpu.shares').concat(read('cpu.weight')), [site?.version === 1 ? '2048' : '200']);
    const usage = await until('it has started some', async () => {
      const found = await runtime.usage?.(unit);
      return found && found.processes.length > 1 && found;
    });
    assert.ok((usage.memoryBytes ?? 0) <= 64 * 1024 * 1024 && (usage.memoryBytes ?? 0) > 0);
    assert.ok((usage.tasks ?? 0) <= 5);
    await main.signal('SIGKILL', 'all');
    await main.exited;
    await runtime.remove(unit);
    await until('its groups are gone', () => !limits.some((group) => existsSync(group)));
  });

  it('says in its journal what cannot be enforced here', {
    skip: site?.version !== 1 && 'version 2 has it all',
  }, async () => {
    const lines = await outputOf(['MemoryHigh=1G'], 'echo done');
    assert.match(lines[0] ?? '', /^flotilla: MemoryHigh= is not enforced: .*version 2/);
  });

  async function recordOf() {
    const text = await readFile(join(directory, 'units', unit, 'main'), 'utf8');
    return { limits: Array.from(text.matchAll(/^limit (.*)$/gm), ([, group = '']) => group) };
  }
});
