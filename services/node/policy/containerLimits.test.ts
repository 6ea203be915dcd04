import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from '../../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import { limitsBesideLine, limitsOfImageUnit } from './containerLimits.ts';

const whole = { memoryBytes: 1_000_000, tasks: 1_000 };

function read(text: string) {
  const name = parseUnitName('a.service').value;
  assert.ok(name);
  const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
  return { service: spec?.service, said: problems.map(({ severity, message }) => `${severity}: ${message}`) };
}

const inImage = (lines: string) => read(`[Service]\nExecStart=/bin/true\n${lines}\n[X-Flotilla]\nImage=busybox\n`);

describe('a unit with Image=', () => {
  it('has its limits as docker has them', () => {
    const { service, said } = inImage(
      'MemoryMax=64M\nMemorySwapMax=0\nMemoryLow=1%\nCPUQuota=50%\nCPUWeight=200\nTasksMax=10%\nAllowedCPUs=0-2 4\nIOWeight=50\nOOMScoreAdjust=5\nLimitNOFILE=10:infinity\nSupplementaryGroups=a\nNoNewPrivileges=yes',
    );
    assert.deepEqual(said, []);
    assert.ok(service);
    assert.deepEqual(limitsOfImageUnit(service, whole), {
      Memory: 64 * 1024 * 1024,
      MemorySwap: 64 * 1024 * 1024,
      MemoryReservation: 10_000,
      CpuPeriod: 100_000,
      CpuQuota: 50_000,
      CpuShares: 2048,
      PidsLimit: 100,
      CpusetCpus: '0-2,4',
      BlkioWeight: 250,
      OomScoreAdj: 5,
      Ulimits: [{ Name: 'nofile', Soft: 10, Hard: -1 }],
      SecurityOpt: ['no-new-privileges'],
      GroupAdd: ['a'],
    });
  });

  it('is told what docker has nothing for', () => {
    assert.match(inImage('Nice=5').said.join(), /^warning: Nice=5 has no effect on a container/);
    assert.match(inImage('LimitAS=1G').said.join(), /^error: LimitAS=1G cannot be had with Image=/);
  });
});

describe('a unit with a docker line', () => {
  const control = { memoryMax: { bytes: 4096 }, memorySwapMax: { bytes: 0 }, cpuQuota: 2, tasksMax: { count: 5 } };

  it('limits its container where the line does not', () => {
    const limits = { Memory: 4096, MemorySwap: 4096, CpuPeriod: 100_000, CpuQuota: 200_000, PidsLimit: 5 };
    assert.deepEqual(limitsBesideLine({ Init: true }, control, whole), { Init: true, ...limits });
    assert.deepEqual(limitsBesideLine({ Memory: 1, NanoCpus: 1 }, control, whole), {
      Memory: 1,
      NanoCpus: 1,
      PidsLimit: 5,
    });
  });

  it('is told that limits of processes are not for its container', () => {
    const { said } = read('[Service]\nExecStart=/usr/bin/docker run redis\nLimitNOFILE=5\n');
    assert.match(said.join(), /^warning: LimitNOFILE=5 is not for the container that docker runs: .*--ulimit/);
  });
});
