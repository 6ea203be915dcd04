import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function interpret(...lines: string[]) {
  const name = parseUnitName('a.service').value;
  assert.ok(name);
  const text = ['[Service]', 'ExecStart=/bin/true', '[X-Flotilla]', ...lines].join('\n');
  const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
  return { pull: spec?.service?.pull, problems: problems.map(({ message }) => message) };
}

describe('PullPolicy=', () => {
  test('says when the image of [X-Flotilla] is fetched, in docker’s words', () => {
    assert.deepEqual(interpret('Image=redis', 'PullPolicy=always'), { pull: 'always', problems: [] });
    assert.deepEqual(interpret('Image=redis'), { pull: undefined, problems: [] });
    assert.match(interpret('Image=redis', 'PullPolicy=newer').problems.join(), /newer/);
  });

  test('is refused without Image=, with what to write instead', () => {
    assert.match(interpret('PullPolicy=always').problems.join(), /in a docker line write --pull instead/);
  });
});
