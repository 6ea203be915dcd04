import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(...lines: string[]) {
  const name = parseUnitName('a.service').value ?? assert.fail();
  const { spec, problems } = interpretUnit(name, parseUnitFile(`[Service]\n${lines.join('\n')}\n`).file);
  const { standardOutput, standardError } = spec?.service ?? {};
  return { outputs: [standardOutput, standardError], problems: problems.map(({ message }) => message).join() };
}
const main = 'ExecStart=/bin/a';

describe('outputs', () => {
  it('go to the journal unless something else is said, errors with the others', () => {
    for (const value of ['', 'inherit', 'journal', 'journal+console', 'syslog'])
      assert.deepEqual(read(main, `StandardOutput=${value}`), { outputs: [undefined, undefined], problems: '' });
    assert.deepEqual(read(main, 'StandardOutput=null').outputs, [{ to: 'null' }, undefined]);
    assert.deepEqual(read(main, 'StandardOutput=null', 'StandardError=journal').outputs[1], { to: 'journal' });
  });

  it('may go to files, whose names have specifiers', () => {
    const append = read(main, 'StandardOutput=append:/var/log//%p.log').outputs[0];
    assert.deepEqual(append, { to: 'append', path: '/var/log/a.log' });
    assert.match(read(main, 'StandardError=file:a.log').problems, /no absolute path/);
  });

  it('that are not supported go to the journal, with a warning', () => {
    assert.match(read(main, 'StandardOutput=tty').problems, /goes to the journal/);
    assert.match(read('ExecStart=docker run busybox', 'StandardOutput=null').problems, /no effect on a container/);
  });
});
