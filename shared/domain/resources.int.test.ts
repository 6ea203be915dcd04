/** systemd's own reading of limits, scheduling and resources is the judge of ours: what `systemd-analyze verify` dumps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatCpuSet } from './cpuSets.ts';
import { interpretUnit } from './interpretUnit.ts';
import { limitNames } from './processLimits.ts';
import { judge, run, type Verdict } from './testing/systemdJudge.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';
import type { ServiceSpec } from './unitSpec.ts';
import type { MemoryAmount } from './values.ts';

const version = await run('systemd-analyze', ['--version']).then(
  ({ stdout }) => Number(/^systemd (\d+)/.exec(stdout)?.[1]),
  () => null,
);
const skip = version === null && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-analyze is not installed';
const seed = { seed: 252 };

const numbers = fc.constantFrom(
  '0',
  '1',
  '7',
  '20',
  '39',
  '40',
  '41',
  '010',
  '0x10',
  '08',
  '-1',
  '+5',
  '-5',
  '1.5',
  '65536',
  '4294967296',
  '18446744073709551615',
  '',
  'x',
  'infinity',
);
const sizes = fc.constantFrom('0', '1', '512', '1K', '1.5M', '2G', '1T', '1G 512M', '1k', '5 M', '-1', 'infinity', 'x');
const spans = fc.constantFrom('0', '1', '5', '1s', '1500ms', '1min 5s', '1us', '2h', 'infinity', 'x', '-1');
const pair = (one: fc.Arbitrary<string>) =>
  fc.oneof(
    one,
    fc.tuple(one, one).map((both) => both.join(':')),
    fc.tuple(one, one, one).map((all) => all.join(':')),
  );
const signed = fc.constantFrom(
  '-21',
  '-20',
  '-1',
  '0',
  '5',
  '19',
  '20',
  '-1001',
  '-1000',
  '1000',
  '1001',
  '+3',
  '0x5',
  '010',
  'x',
  '',
  '1.5',
);
const sets = fc.oneof(
  fc.constantFrom('0', '0-3', '3-1', '0,2,4', '1 3-4', '0-2,5 7', 'x', '8191', '9000', '1-', '', ',', '0,,1', '"0 1"'),
  fc.array(fc.nat(12).map(String), { minLength: 1, maxLength: 4 }).map((list) => list.join(' ')),
);
const shares = fc.constantFrom(
  '0%',
  '1%',
  '12.5%',
  '12.55%',
  '12.555%',
  '100%',
  '101%',
  '250%',
  '5‰',
  '5.5‰',
  '5.55‰',
  '33‱',
  '%',
  'x',
  '-5%',
  ' 5%',
  '+5%',
);

const limits: Record<string, fc.Arbitrary<string>> = Object.fromEntries(
  limitNames.map((name) => {
    if (name === 'CPU' || name === 'RTTIME') return [`Limit${name}`, pair(spans)];
    const isNumber = ['NOFILE', 'NPROC', 'LOCKS', 'SIGPENDING', 'NICE', 'RTPRIO'].includes(name);
    return [`Limit${name}`, pair(isNumber ? numbers : sizes)];
  }),
);

const values: Record<string, fc.Arbitrary<string>> = {
  ...limits,
  Nice: signed,
  OOMScoreAdjust: signed,
  IOSchedulingClass: fc.constantFrom('none', 'realtime', 'best-effort', 'idle', '0', '3', 'Idle', ''),
  IOSchedulingPriority: signed,
  CPUSchedulingPolicy: fc.constantFrom('other', 'batch', 'idle', 'fifo', 'rr', '0', '1', '2', '3', '5', 'x'),
  CPUSchedulingPriority: fc.constantFrom('0', '1', '99', '100', '-1', 'x'),
  CPUAffinity: sets,
  MemoryHigh: fc.oneof(sizes, shares),
  MemoryLow: fc.oneof(sizes, shares),
  MemoryMin: fc.oneof(sizes, shares),
  MemorySwapMax: fc.oneof(sizes, shares),
  CPUQuota: shares,
  CPUQuotaPeriodSec: fc.constantFrom('10ms', '1s', '5s', '1us', '100ms', 'infinity', 'x'),
  CPUWeight: fc.oneof(numbers, fc.constantFrom('idle', '100', '10000', '10001')),
  IOWeight: fc.oneof(numbers, fc.constantFrom('idle', '100', '10000', '10001')),
  TasksMax: fc.oneof(numbers, shares),
  AllowedCPUs: sets,
  AllowedMemoryNodes: sets,
  SupplementaryGroups: fc.constantFrom('a', 'a b', 'a:b', '0', '-x', '65535', ''),
};

describe('limits and resources, judged by systemd', { skip }, () => {
  it('mean what systemd makes of them, and are wrong where it says so', async (t) => {
    const lines = Object.entries(values)
      .flatMap(([directive, value]) =>
        Array.from(new Set(fc.sample(value, { ...seed, numRuns: 60 })), (text) => `${directive}=${text}`),
      )
      .filter((line) => !/[=:]$/.test(line) || line === 'MemoryHigh=');
    const fileOf = (line: string) => `[Service]\nType=simple\nExecStart=/bin/true\n${line}\n`;
    const verdicts = await judge(
      Object.fromEntries(lines.map((line, index) => [`judged${index}.service`, fileOf(line)])),
    );
    const memory = totalOf(await judge({ 'whole.service': fileOf('MemoryHigh=100%') }));
    const differences: string[] = [];
    const count = { meant: 0, wrong: 0 };
    for (const [index, line] of lines.entries()) {
      const verdict = verdicts.get(`judged${index}.service`);
      assert.ok(verdict);
      const { spec, isWrong } = read(fileOf(line));
      if (isWrong !== verdict.complaints.has(4)) differences.push(`${line}: wrong ${isWrong ? 'here' : 'there'} only`);
      else if (isWrong) count.wrong += 1;
      else if (spec !== null) {
        count.meant += 1;
        try {
          compare(line, spec, verdict, memory);
        } catch (error) {
          differences.push(`${line}: ${(error as Error).message}`);
        }
      }
    }
    assert.deepEqual(differences, []);
    assert.ok(count.meant > 200 && count.wrong > 200);
    t.diagnostic(`${count.meant} values mean the same, ${count.wrong} are wrong on both sides`);
  });
});

function read(text: string): { spec: ServiceSpec | null; isWrong: boolean } {
  const unit = parseUnitName('judged.service').value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return {
    spec: spec?.service ?? null,
    isWrong: problems.some(({ severity, line }) => severity === 'error' && line === 4),
  };
}

function totalOf(verdicts: Map<string, Verdict>): number {
  return Number(verdicts.get('whole.service')?.fields.get('MemoryHigh')?.at(-1));
}

const unlimited = '18446744073709551615';

function compare(
  line: string,
  { limits, control, supplementaryGroups }: ServiceSpec,
  verdict: Verdict,
  memory: number,
): void {
  const field = (key: string) => verdict.fields.get(key)?.at(-1);
  for (const name of limitNames) {
    const limit = limits.limits[name];
    const shown = (text: string | undefined) => (text === 'infinity' ? unlimited : text);
    assert.deepEqual(
      [shown(limit?.soft), shown(limit?.hard)],
      [field(`Limit${name}Soft`), field(`Limit${name}`)],
      line,
    );
  }
  const bytes = (amount: MemoryAmount | undefined, none: string) => {
    if (amount === undefined) return none;
    if (amount === 'infinity') return unlimited;
    return 'bytes' in amount ? String(amount.bytes) : null;
  };
  const isClose = (share: number, of: number, text: string | undefined) => Math.abs(share * of - Number(text)) <= 4096;
  for (const [key, none] of [
    ['memoryHigh', unlimited],
    ['memoryLow', '0'],
    ['memoryMin', '0'],
    ['memorySwapMax', unlimited],
  ] as const) {
    const ours = control[key];
    const judged = field(key[0]?.toUpperCase() + key.slice(1));
    if (typeof ours === 'object' && 'fraction' in ours)
      assert.ok(isClose(ours.fraction, memory, judged), `${line}: ${judged}`);
    else assert.equal(bytes(ours, none), judged, line);
  }
  const pairs: [ours: string | undefined, field: string, otherwise: string | undefined][] = [
    [limits.nice?.toString(), 'Nice', '0'],
    [limits.oomScoreAdjust?.toString(), 'OOMScoreAdjust', undefined],
    [limits.cpuAffinity && formatCpuSet(limits.cpuAffinity).replaceAll(',', ' '), 'CPUAffinity', undefined],
    [control.cpuWeight === 'idle' ? '0' : control.cpuWeight?.toString(), 'CPUWeight', unlimited],
    [control.ioWeight?.toString(), 'IOWeight', unlimited],
    [formatCpuSet(control.allowedCpus ?? []).replaceAll(',', ' '), 'AllowedCPUs', ''],
    [formatCpuSet(control.allowedMemoryNodes ?? []).replaceAll(',', ' '), 'AllowedMemoryNodes', ''],
    [supplementaryGroups.length > 0 ? supplementaryGroups.join(' ') : undefined, 'SupplementaryGroups', undefined],
  ];
  for (const [ours, name, otherwise] of pairs) {
    const judged = field(name);
    if (ours === undefined && (judged === undefined || judged === otherwise)) continue;
    assert.equal(ours ?? otherwise, judged ?? otherwise, `${line}: ${name}`);
  }
  if (limits.ioClass !== undefined) assert.equal(limits.ioClass, field('IOSchedulingClass'), line);
  if (limits.ioPriority !== undefined) assert.equal(String(limits.ioPriority), field('IOPriority'), line);
  if (limits.cpuPolicy !== undefined) assert.equal(limits.cpuPolicy, field('CPUSchedulingPolicy') ?? 'other', line);
  if (limits.cpuPriority !== undefined)
    assert.equal(String(limits.cpuPriority), field('CPUSchedulingPriority') ?? '0', line);
  if (typeof control.tasksMax === 'object' && 'count' in control.tasksMax)
    assert.equal(String(control.tasksMax.count), field('TasksMax'), line);
}
