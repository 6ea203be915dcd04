import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(...lines: string[]) {
  const name = parseUnitName('web@1.service').value ?? assert.fail();
  const text = `[Service]\nExecStart=/bin/a\n${lines.join('\n')}\n`;
  const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
  return { service: spec?.service, problems: problems.map(({ message }) => message).join() };
}

describe('directories of a service', () => {
  it('are words with specifiers, gathered over the lines, each once', () => {
    const { service } = read('StateDirectory=%p/%i b', 'StateDirectory=b//c b/', 'CacheDirectory=x', 'CacheDirectory=');
    assert.deepEqual(service?.directories, { State: { paths: ['web/1', 'b', 'b/c'], mode: 0o755 } });
  });

  it('have a mode, and a rule for what outlives a stop', () => {
    const { service } = read('RuntimeDirectory=a', 'RuntimeDirectoryMode=0700', 'RuntimeDirectoryPreserve=restart');
    assert.deepEqual([service?.directories.Runtime?.mode, service?.runtimePreserve], [0o700, 'restart']);
    assert.equal(read('RuntimeDirectoryPreserve=yes').service?.runtimePreserve, 'yes');
  });

  for (const [line, why] of [
    ['StateDirectory=/var/lib/x', /no relative path/],
    ['StateDirectory=../x', /no relative path/],
    ['StateDirectory=.', /no relative path/],
    ['StateDirectory=x:y', /a link to it/],
    ['RuntimeDirectoryPreserve=maybe', /none of no, yes, restart/],
    ['LogsDirectoryMode=999', /octal/],
  ] as const) {
    it(`refuse ${line}`, () => assert.match(read(line).problems, why));
  }
});
