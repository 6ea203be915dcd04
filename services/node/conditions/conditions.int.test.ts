/** `systemd-analyze condition` as the judge of conditions, on this machine and on a tree of files made for it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { readConditions } from '../../../shared/domain/conditions.ts';
import { DirectiveReader } from '../../../shared/domain/directiveReader.ts';
import { nameSpecifiers } from '../../../shared/domain/specifiers.ts';
import { type ConditionFacts, isConditionMet, unmetCondition } from '../../../shared/domain/testConditions.ts';
import { parseUnitFile } from '../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import { compareVersions } from '../../../shared/domain/versionOrder.ts';
import { createMachineFacts } from './machineFacts.ts';

const run = promisify(execFile);
const version = await run('systemd-analyze', ['--version']).then(
  ({ stdout }) => Number(/^systemd (\d+)/.exec(stdout)?.[1]),
  () => null,
);
const skip = version === null && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-analyze is not installed';
const seed = 252;

const commandLine = 'quiet root=/dev/vda1 "two words" init=/sbin/init x=';
const environment = {
  PATH: '/usr/bin:/bin',
  SYSTEMD_PROC_CMDLINE: commandLine,
  LANG: 'C.UTF-8',
  EMPTY: '',
  'A.B': 'c',
};
const machineId = await run('cat', ['/etc/machine-id']).then(
  ({ stdout }) => stdout.trim(),
  () => '',
);
const facts: ConditionFacts = {
  ...createMachineFacts(machineId),
  kernelCommandLine: async () => commandLine,
  environment: () => environment,
};

let tree = '';
before(async () => {
  tree = await mkdtemp(join(tmpdir(), 'flotilla-conditions-'));
  await Promise.all(['full', 'empty', 'hidden', 'saved'].map((name) => mkdir(join(tree, name))));
  await Promise.all([
    writeFile(join(tree, 'full', 'a.conf'), 'text'),
    writeFile(join(tree, 'full', 'nothing'), ''),
    writeFile(join(tree, 'full', 'run.sh'), '#!/bin/sh\n'),
    writeFile(join(tree, 'hidden', '.a'), ''),
    writeFile(join(tree, 'saved', 'a.conf.dpkg-old'), ''),
    writeFile(join(tree, 'saved', 'b~'), ''),
    symlink('full', join(tree, 'link')),
    symlink('nowhere', join(tree, 'dangling')),
  ]);
  await chmod(join(tree, 'full', 'run.sh'), 0o755);
});
after(() => rm(tree, { recursive: true, force: true }));

/** Assignments as a unit file's `[Unit]` would have them. */
function read(lines: readonly string[], prefix: 'Condition' | 'Assert' = 'Condition') {
  const unit = parseUnitName('judged.service').value;
  assert.ok(unit);
  const { file } = parseUnitFile(`[Unit]\n${lines.join('\n')}\n`);
  const reader = new DirectiveReader(file, nameSpecifiers(unit));
  return { tests: readConditions(reader, prefix), problems: reader.problems };
}

/** What systemd says of each, and of all together. All of them trigger, so that it looks at each. */
async function judge(lines: readonly string[]): Promise<{ each: Map<string, boolean>; all: boolean }> {
  const analyzing = run('systemd-analyze', ['condition', ...lines], { env: environment, maxBuffer: 1 << 24 });
  const { stdout, stderr, code } = await analyzing.then(
    (said) => ({ ...said, code: 0 }),
    (error) => error,
  );
  const verdicts = `${stdout}${stderr}`.matchAll(/^test\.service: (\w+=.*) (succeeded|failed)\.$/gm);
  return {
    each: new Map(Array.from(verdicts, ([, line = '', verdict]) => [line, verdict === 'succeeded'])),
    all: code === 0,
  };
}

async function agree(t: TestContext, lines: readonly string[]): Promise<void> {
  const distinct = [...new Set(lines)];
  const { tests, problems } = read(distinct);
  assert.deepEqual(problems, []);
  const verdicts: boolean[] = [];
  for (const [index, test] of tests.entries()) {
    const line = distinct[index] ?? '';
    const judged = (await judge([line])).all;
    assert.equal(await isConditionMet(test, facts), judged, `${line} on ${release()}, ${hostname()}`);
    verdicts.push(judged);
  }
  const met = verdicts.filter(Boolean).length;
  assert.ok(met > 0 && met < verdicts.length, 'the sample has both outcomes');
  t.diagnostic(`${verdicts.length} conditions judged alike, ${met} of them met`);
}

const negation = fc.constantFrom('', '!');
const operators = fc.constantFrom('<', '<=', '=', '!=', '>=', '>', '==', '<>');
const booleans = fc.constantFrom('yes', 'no', 'on', '0');
const samples = (arbitrary: fc.Arbitrary<string>, numRuns: number) => fc.sample(arbitrary, { seed, numRuns });

describe('conditions, judged by systemd-analyze condition', { skip }, () => {
  it('looks at paths as systemd does', async (t) => {
    const kinds = fc.constantFrom(
      ...'PathExists PathIsDirectory PathIsSymbolicLink PathIsMountPoint PathIsReadWrite DirectoryNotEmpty FileNotEmpty FileIsExecutable'.split(
        ' ',
      ),
    );
    const paths = fc.constantFrom(
      ...'full empty hidden saved link dangling link/a.conf full/a.conf full/nothing full/run.sh full/run.sh/x gone ./full//run.sh/'
        .split(' ')
        .map((path) => `${tree}/${path}`),
      ...['/', '/proc', '/sys/', '/dev/null', '/etc/mtab', '/proc/sys', '/sys/fs/cgroup'],
    );
    const lines = fc.tuple(kinds, negation, paths).map(([kind, not, path]) => `Condition${kind}=${not}${path}`);
    await agree(t, samples(lines, 400));
  });

  it('finds what globs match', async (t) => {
    const part = fc.constantFrom(
      '*',
      '?',
      'f',
      'full',
      '[a-f]ull',
      '[!a]*',
      'a.conf',
      '*.conf',
      '{full,gone}',
      '{a,b}',
      '.a',
      '.*',
      '\\*',
      'h{i,o}dden',
      '{',
      '}',
      '[',
      'lin[k]',
      '*l*',
    );
    const pattern = fc.array(fc.array(part, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 });
    const lines = fc
      .tuple(negation, pattern)
      .map(([not, parts]) => `ConditionPathExistsGlob=${not}${tree}/${parts.map((each) => each.join('')).join('/')}`);
    await agree(t, samples(lines, 250));
  });

  it('compares the kernel’s version', async (t) => {
    const [major = '', minor = ''] = release().split('.');
    const versions = fc.constantFrom(
      '1',
      major,
      `${major}.${minor}`,
      release(),
      `${release()}~rc1`,
      `${major}.${minor}.999`,
      '99.1',
      `${release()}.a`,
    );
    const term = fc.oneof(
      fc
        .tuple(operators, fc.constantFrom('', ' '), versions)
        .map(([operator, gap, text]) => (gap === '' ? `${operator}${text}` : `"${operator} ${text}"`)),
      fc.constantFrom(`$=${major}.*`, '!$=x*', `=0${release()}`, `==0${release()}`, `<>0${release()}`),
      fc.constantFrom(`${major}.*`, '*', '[0-9].*', 'x*', `${major}?*`),
    );
    const first = fc.tuple(operators, versions).map(([operator, text]) => `${operator} ${text}`);
    const lines = fc
      .tuple(negation, fc.oneof(term, first), fc.array(term, { maxLength: 2 }))
      .map(([not, head, terms]) => `ConditionKernelVersion=${not}${[head, ...terms].join(' ')}`);
    await agree(t, samples(lines, 200));
  });

  it('orders versions as systemd-analyze compare-versions does', async (t) => {
    const versions = fc.string({ unit: fc.constantFrom(...'0019abZ.-~^_'), minLength: 1, maxLength: 6 });
    const pairs = fc
      .sample(fc.tuple(versions, versions), { seed, numRuns: 250 })
      .filter((pair) => !pair.some((text) => text.startsWith('-')));
    for (const [a, b] of pairs) {
      // Its exit status tells the order, too.
      const { stdout } = await run('systemd-analyze', ['compare-versions', a, b]).catch((error) => error);
      const [, sign = ''] = /^\S+ (\S+) /.exec(stdout) ?? [];
      assert.equal(['<', '==', '>'][compareVersions(a, b) + 1], sign, stdout);
    }
    t.diagnostic(`${pairs.length} pairs of versions ordered alike`);
  });

  it('compares memory and processors', async (t) => {
    const sizes = fc.constantFrom('1K', '1M', '1.5M', '100M', '64T', '1P', '1024', '0');
    const memory = fc
      .tuple(negation, fc.oneof(operators, fc.constant('')), fc.constantFrom('', ' '), sizes)
      .map(([not, operator, gap, size]) => `ConditionMemory=${not}${operator}${gap}${size}`);
    const cpus = await facts.cpus();
    const numbers = fc.constantFrom('0', '1', `${cpus}`, `${cpus + 1}`, '1000');
    const processors = fc
      .tuple(negation, fc.oneof(operators, fc.constant('')), fc.constantFrom('', ' '), numbers)
      .map(([not, operator, gap, number]) => `ConditionCPUs=${not}${operator}${gap}${number}`);
    await agree(t, samples(fc.oneof(memory, processors), 160));
  });

  it('knows the machine, its kernel command line, the environment and who it is', async (t) => {
    const name = hostname();
    const values: Record<string, fc.Arbitrary<string>> = {
      Host: fc.constantFrom(
        name,
        name.toUpperCase(),
        `${name.slice(0, 1)}*`,
        'other',
        '*',
        '[!a-z]*',
        '0'.repeat(32),
        ...(machineId === '' ? [] : [machineId]),
      ),
      KernelCommandLine: fc.constantFrom(
        'quiet',
        'root',
        'root=/dev/vda1',
        'root=',
        'qui',
        'two',
        'two words',
        'x',
        'x=',
        'init=/sbin',
        'nothing',
      ),
      Environment: fc.constantFrom('PATH', 'LANG', 'PATH=/usr/bin:/bin', 'LANG=C.UTF-8', 'PAT', 'NOTHING', 'LANG='),
      Architecture: fc.constantFrom('native', 'x86-64', 'arm64', 'x86', 's390x'),
      User: fc.constantFrom('root', '0', 'nobody', '65534', '1000', '@system', 'no-such-user'),
      Group: fc.constantFrom('root', '0', 'daemon', 'no-such-group', '4711'),
      FirstBoot: fc.constantFrom('yes', 'no'),
    };
    const lines = Object.entries(values).flatMap(([kind, value]) =>
      samples(
        fc.tuple(negation, value).map(([not, text]) => `Condition${kind}=${not}${text}`),
        50,
      ),
    );
    await agree(t, lines);
  });

  it('knows what the machine is and has', async (t) => {
    const features = fc.constantFrom(...'fpu SSE2 avx avx2 pclmul fma3 osxsave lm constant_tsc pni syscall'.split(' '));
    const values: Record<string, fc.Arbitrary<string>> = {
      Virtualization: fc.constantFrom(
        ...'yes no vm container docker kvm qemu podman lxc private-users something'.split(' '),
      ),
      Security: fc.constantFrom(...'selinux apparmor tomoyo smack ima uefi-secureboot tpm2'.split(' ')),
      Capability: fc.constantFrom(...'CAP_CHOWN cap_sys_admin CAP_SYS_TIME CAP_BPF 12 40'.split(' ')),
      ACPower: booleans,
      CPUFeature: features,
      ControlGroupController: fc.constantFrom(
        ...[
          'v1',
          'v2',
          'cpu',
          'cpuset',
          'cpuacct',
          'io',
          'blkio',
          'memory',
          'devices',
          'pids',
          'memory pids',
          'cpu io',
        ],
      ),
      // What is between changes while it is looked at.
      MemoryPressure: fc.constantFrom('100%', '100%/10sec', ' 100% / 1min', '1000‰/5min'),
      CPUPressure: fc.constantFrom('100%', '100%/10sec', '10000‱'),
      IOPressure: fc.constantFrom('100%', '100.0%/1min'),
    };
    const lines = Object.entries(values).flatMap(([kind, value]) =>
      samples(
        fc.tuple(negation, value).map(([not, text]) => `Condition${kind}=${not}${text}`),
        40,
      ),
    );
    await agree(t, lines);
  });

  it('compares the release of the operating system', async (t) => {
    const comparisons = fc.constantFrom('<', '<=', '=', '!=', '>=', '>', '==', '<>', '$=', '!$=');
    const term = fc
      .tuple(
        fc.constantFrom('ID', 'VERSION_ID', 'VERSION_CODENAME', 'PRETTY_NAME', 'NOTHING'),
        comparisons,
        fc.constantFrom('debian', 'deb*', '12', '012', '12.1', '11', '*', '"x y"', 'book?orm', '1[2-9]'),
      )
      .map((parts) => parts.join(''));
    const lines = fc
      .tuple(negation, fc.array(term, { minLength: 1, maxLength: 2 }))
      .map(([not, terms]) => `ConditionOSRelease=${not}${terms.join(' ')}`);
    await agree(t, samples(lines, 200));
  });

  it('puts several together: each must be met, of those that trigger one', async (t) => {
    const single = fc
      .tuple(fc.constantFrom('', '|'), negation, fc.constantFrom('/', '/nowhere'))
      .map((parts) => `PathExists=${parts.join('')}`);
    const lists = fc.sample(
      fc.array(fc.oneof(single, { arbitrary: fc.constant('PathExists='), weight: 1 }), { minLength: 1, maxLength: 5 }),
      { seed, numRuns: 150 },
    );
    let unmet = 0;
    for (const [index, list] of lists.entries()) {
      const prefix = index % 2 === 0 ? 'Condition' : 'Assert';
      const lines = list.map((line) => `${prefix}${line}`);
      const ours = await unmetCondition(read(lines, prefix).tests, facts);
      assert.equal(ours === null, (await judge(lines)).all, `${lines.join(' ')}: ${ours}`);
      if (ours !== null) unmet += 1;
    }
    assert.ok(unmet > 20 && unmet < lists.length - 20);
    t.diagnostic(`${lists.length} lists of conditions and asserts judged alike, ${unmet} of them unmet`);
  });

  it('objects at submit to what systemd would only notice at the start', () => {
    const wrong = [
      'PathExists=etc',
      'PathExists=/a/../b',
      'Memory=lots',
      'CPUs=>= few',
      'Architecture=pdp11',
      'KernelVersion=>=',
      'User=|!',
      'Group=@system',
      'PathExists=| /',
      'OSRelease=ID',
      'OSRelease=ID = debian',
      'OSRelease=1ID=x',
      'Capability=CAP_X',
      'ACPower=maybe',
      'CPUPressure=5',
      'CPUPressure=101%',
      'CPUPressure=5%/1h',
      'CPUPressure=system.slice:5%',
      'CPUFeature=warp',
      'Security=audit',
      'ControlGroupController=cpu foo',
    ];
    for (const value of wrong) {
      assert.equal(read([`Condition${value}`]).problems.length, 1, value);
    }
    assert.deepEqual(read(['ConditionHost=other', 'ConditionHost=']).tests, []);
  });
});
