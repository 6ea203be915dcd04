/** Unit files that people really have, judged by systemd: those of this machine and of Debian packages. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseCommandLine } from './commandLine.ts';
import { interpretUnit } from './interpretUnit.ts';
import { expandSpecifiers, type Specifiers, unitSpecifiers } from './specifiers.ts';
import { judge, run, type Verdict } from './testing/systemdJudge.ts';
import { lastOption, listOptions, parseUnitFile, type UnitFile } from './unitFile.ts';
import { parseUnitName, type UnitName } from './unitName.ts';

const missing = await run('systemd-analyze', ['--version']).then(
  () => false,
  () => process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-analyze is not installed',
);

/** Small ones with units of many kinds. They are downloaded and unpacked, never installed. */
const packages =
  'anacron chrony cron dbus fail2ban lighttpd memcached nginx-common openssh-server postgresql-common redis-server rsync rsyslog unattended-upgrades'.split(
    ' ',
  );

test('unit files of Debian say the same here as to systemd', { skip: missing }, async (t) => {
  const files = new Map([...(await unitsOfMachine()), ...(await unitsOfPackages(t))]);
  // Instances are what systemd reads of a template.
  const units = new Map([...files].map(([name, text]) => [name.replace('@.', '@i.'), text]));
  const verdicts = await judge(Object.fromEntries(units));
  let [assignments, commands] = [0, 0];
  for (const [name, text] of units) {
    const unit = parseUnitName(name).value;
    const verdict = verdicts.get(name);
    if (!unit || !verdict) continue;
    const { file, problems } = parseUnitFile(text);
    assert.deepEqual(problems, [], name);
    assert.deepEqual(
      [...verdict.complaints].filter((line) => !isKnownTo(unit, file, line)),
      [],
      name,
    );
    const specifiers = unitSpecifiers(unit, anyHost);
    const description = lastOption(file, 'Unit', 'Description')?.value;
    const said = verdict.fields.get('Description')?.[0];
    if (description !== undefined && said !== undefined) {
      assert.equal(expandSpecifiers(description, specifiers).value, said, name);
    }
    assignments += file.options.length;
    commands += compareCommands(unit, file, specifiers, verdict);
  }
  t.diagnostic(`${units.size} unit files: ${assignments} assignments, ${commands} commands read as systemd reads them`);
  assert.ok(commands > 100);
});

const anyHost = { hostname: 'h', machineId: 'm', bootId: 'b', kernelRelease: 'k' };
const dependsOnHost = /%[HlqmbvaAoBMwW]/;

/** Whether what systemd complains about in a line is an error or a warning here, too. */
function isKnownTo(unit: UnitName, file: UnitFile, line: number): boolean {
  return unit.type !== 'service' || interpretUnit(unit, file).problems.some((problem) => problem.line === line);
}

/** How many commands were compared. */
function compareCommands(unit: UnitName, file: UnitFile, specifiers: Specifiers, verdict: Verdict): number {
  let count = 0;
  for (const name of ['ExecStartPre', 'ExecStart', 'ExecStartPost', 'ExecReload', 'ExecStop', 'ExecStopPost']) {
    const options = unit.type === 'service' ? listOptions(file, 'Service', name) : [];
    const judged = verdict.commands.get(name);
    if (judged === undefined || options.some(({ value }) => dependsOnHost.test(value))) continue;
    const ours = options.flatMap(({ value }) => parseCommandLine(value, specifiers).commands.map(({ argv }) => argv));
    assert.deepEqual(ours, judged, `${unit.name} ${name}`);
    count += ours.length;
  }
  return count;
}

async function unitsOfMachine(): Promise<[string, string][]> {
  return unitsIn('/lib/systemd/system');
}

async function unitsOfPackages(t: TestContext): Promise<[string, string][]> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-packages-'));
  t.after(() => rm(directory, { recursive: true }));
  // A package that a mirror lacks at the moment proves nothing about unit files; the count below would.
  const download = (names: string[]) =>
    run('apt-get', ['-qq', 'download', ...names], { cwd: directory, timeout: 60_000 });
  await download(packages).catch(async () => {
    for (const name of packages) await download([name]).catch(() => undefined);
  });
  const units: [string, string][] = [];
  let unpacked = 0;
  for (const file of (await readdir(directory)).filter((name) => name.endsWith('.deb'))) {
    const root = join(directory, `${file}.d`);
    await mkdir(root);
    await run('dpkg-deb', ['-x', join(directory, file), root]);
    for (const place of ['lib/systemd/system', 'usr/lib/systemd/system'])
      units.push(...(await unitsIn(join(root, place))));
    unpacked += 1;
  }
  t.diagnostic(`${unpacked} of ${packages.length} packages could be downloaded`);
  return units;
}

async function unitsIn(directory: string): Promise<[string, string][]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => [name, await readFile(join(directory, name), 'utf8')]),
  );
}
