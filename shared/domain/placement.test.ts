import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DirectiveReader } from './directiveReader.ts';
import { interpretUnit } from './interpretUnit.ts';
import { readPlacement } from './placement.ts';
import { nameSpecifiers } from './specifiers.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function place(...lines: string[]) {
  const unit = parseUnitName('web@1.service').value;
  assert.ok(unit);
  const { file } = parseUnitFile(['[X-Fleet]', ...lines].join('\n'));
  const reader = new DirectiveReader(file, nameSpecifiers(unit));
  return { placement: readPlacement(reader, unit), problems: reader.problems.map(({ message }) => message) };
}

function placementOf(...lines: string[]) {
  const { placement, problems } = place(...lines);
  assert.deepEqual(problems, []);
  return placement;
}

function problemOf(...lines: string[]): string {
  return place(...lines).problems.join('\n');
}

describe('placement', () => {
  it('without [X-Fleet] is anywhere', () => {
    assert.deepEqual(placementOf(), { global: false, metadata: [], conflicts: [] });
  });

  it('different keys of metadata must all match, of values of one key any', () => {
    assert.deepEqual(placementOf('MachineMetadata="region=eu" "disk=ssd"', 'MachineMetadata=region=us').metadata, [
      { key: 'region', values: ['eu', 'us'] },
      { key: 'disk', values: ['ssd'] },
    ]);
  });

  it('the older spellings mean the same', () => {
    const older = placementOf('X-ConditionMachineOf=a.service', 'X-Conflicts=b*', 'X-ConditionMachineMetadata=k=v');
    assert.deepEqual(older, placementOf('MachineOf=a.service', 'Conflicts=b*', 'MachineMetadata=k=v'));
    assert.equal(placementOf('X-ConditionMachineID=abc').machineId, 'abc');
  });

  it('names may be made of the unit’s own', () => {
    assert.equal(placementOf('MachineOf=db@%i.service').machineOf, 'db@1.service');
    assert.deepEqual(placementOf('Conflicts=%p@*.service a.service').conflicts, ['web@*.service', 'a.service']);
  });

  it('a machine’s properties cannot choose the machine', () => {
    assert.match(problemOf('MachineMetadata=host=%H'), /%H is no specifier that may stand here/);
  });

  it('a global unit takes metadata and conflicts, and nothing that names one machine', () => {
    assert.equal(placementOf('Global=true', 'MachineMetadata=a=b', 'Conflicts=x*').global, true);
    assert.match(problemOf('Global=yes', 'MachineID=abc'), /MachineID=abc cannot stand with Global=/);
    assert.match(problemOf('Global=yes', 'MachineOf=a.service'), /MachineOf=a\.service cannot stand with Global=/);
  });

  it('contradictions and nonsense are refused', () => {
    assert.match(problemOf('MachineID=a', 'MachineID=b'), /contradicts a/);
    assert.match(
      problemOf('MachineOf=a.service', 'Conflicts=*.service'),
      /can never hold together with Conflicts=\*\.service/,
    );
    assert.match(problemOf('MachineOf=web@1.service'), /names the unit itself/);
    assert.match(problemOf('MachineOf=web'), /does not end with a unit type/);
    assert.match(problemOf('MachineOf=web@.service'), /names a template/);
    assert.match(problemOf('MachineMetadata=region'), /"region" is no pair/);
    assert.match(problemOf('Conflicts=a[b'), /is no glob/);
    assert.match(problemOf('Global=perhaps'), /neither yes nor no/);
  });

  it('what is replaced are globs; it goes neither with Global= nor with Conflicts=', () => {
    assert.deepEqual(placementOf('Replaces=db@%i.service old*').replaces, ['db@1.service', 'old*']);
    assert.match(problemOf('Replaces=a*', 'Global=true'), /Replaces=a\* cannot stand with Global=/);
    assert.match(problemOf('Replaces=a*', 'X-Conflicts=b'), /Replaces=a\* cannot stand with Conflicts=/);
    assert.match(problemOf('Replaces=a*', 'MachineOf=a.service'), /can never hold together with Replaces=a\*/);
  });

  it('keys that fleet does not know are refused', () => {
    const unit = parseUnitName('web.service').value;
    assert.ok(unit);
    const { file } = parseUnitFile('[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineIDs=1');
    const { problems } = interpretUnit(unit, file);
    assert.match(problems[0]?.message ?? '', /did you mean MachineID=\?/);
  });
});
