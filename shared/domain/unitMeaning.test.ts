import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { meaningOf } from './unitMeaning.ts';
import { parseUnitName } from './unitName.ts';

const host = { hostname: 'here', machineId: 'a'.repeat(32), bootId: 'b'.repeat(32), kernelRelease: '6.1.0' };
const text = '[Unit]\nDescription=%n on %H\n[Service]\nExecStart=/bin/main %m\nLockPersonality=yes\nNonsense\n';

function nameOf(name: string) {
  const { value } = parseUnitName(name);
  assert.ok(value);
  return value;
}

describe('the meaning of a unit’s text', () => {
  it('is what the parser and the interpreter make of it, whoever was asked before', () => {
    for (const name of ['a.service', 'b.service', 'b@.service', 'b.timer', 'b.mount'].map(nameOf)) {
      for (const of of [host, { ...host, hostname: 'there' }, undefined]) {
        for (const options of [{}, { allowUnsupported: true }]) {
          const { file, problems: syntax } = parseUnitFile(text);
          const expected = { file, syntax, ...interpretUnit(name, file, of, options) };
          for (const _ of ['new', 'known']) assert.deepEqual(meaningOf(name, text, of, options), expected);
        }
      }
    }
  });

  it('is read once, and nobody who has it can change it for others', () => {
    const right = '[Service]\nExecStart=/bin/main %m\n';
    const { spec } = meaningOf(nameOf('a.service'), right);
    assert.ok(spec?.service);
    assert.equal(meaningOf(nameOf('a.service'), right).spec, spec);
    const { execStart } = spec.service;
    assert.throws(() => execStart.pop(), TypeError);
  });

  it('of a very long text, or of one that a thousand others came after, is read anew', () => {
    const long = `${text}#${'.'.repeat(5_000)}\n`;
    assert.notEqual(meaningOf(nameOf('a.service'), long), meaningOf(nameOf('a.service'), long));
    const first = meaningOf(nameOf('a.service'), text);
    for (let i = 0; i < 1_000; i++) meaningOf(nameOf(`other-${i}.service`), text);
    assert.notEqual(meaningOf(nameOf('a.service'), text), first);
    assert.deepEqual(meaningOf(nameOf('a.service'), text), first);
  });
});
