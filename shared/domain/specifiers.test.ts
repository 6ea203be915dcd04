import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expandSpecifiers, nameSpecifiers, unitSpecifiers } from './specifiers.ts';
import { parseUnitName } from './unitName.ts';

const host = {
  hostname: 'core-1.example.org',
  machineId: 'a'.repeat(32),
  bootId: 'b'.repeat(32),
  kernelRelease: '6.1.0',
  machine: 'x86_64',
  shell: '/bin/bash',
  osRelease: { ID: 'debian', VERSION_ID: '12', BUILD_ID: 'b7' },
};

function expand(text: string, name = 'my-web\\x2dapp@eu-1\\x2d2.service'): string {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { value, problems } = expandSpecifiers(text, unitSpecifiers(unit, host));
  return problems.length === 0 ? value : problems.map(({ message }) => message).join('\n');
}

describe('specifiers', () => {
  it('tell of the name and its parts, escaped and not', () => {
    assert.equal(expand('%n'), 'my-web\\x2dapp@eu-1\\x2d2.service');
    assert.equal(expand('%N'), 'my-web\\x2dapp@eu-1\\x2d2');
    assert.equal(expand('%p %P'), 'my-web\\x2dapp my/web-app');
    assert.equal(expand('%i %I'), 'eu-1\\x2d2 eu/1-2');
    assert.equal(expand('%j %J'), 'web\\x2dapp web-app');
    assert.equal(expand('%j', 'a-b-c@d.service'), 'c');
    assert.equal(expand('%f'), '/eu/1-2');
  });

  it('a name without instance has an empty one', () => {
    assert.equal(expand('%p|%i|%j|%N|%f', 'redis.service'), 'redis||redis|redis|/redis');
  });

  it('tell of the machine', () => {
    assert.equal(expand('%H %l %v'), 'core-1.example.org core-1 6.1.0');
    assert.equal(expand('%m%b'), 'a'.repeat(32) + 'b'.repeat(32));
    assert.equal(expand('%q %s %a'), 'core-1.example.org /bin/bash x86-64');
    assert.equal(expand('%o %w %B|%W|%A|%M'), 'debian 12 b7|||');
  });

  it('tell where the system keeps things, and that root runs it', () => {
    assert.equal(expand('%t %S %C %L %E %T %V'), '/run /var/lib /var/cache /var/log /etc /tmp /var/tmp');
    assert.equal(expand('%u %U %g %G %h'), 'root 0 root 0 /root');
  });

  it('%% is a percent sign, and one before no letter stays', () => {
    assert.equal(expand('100%% %%n %- %'), '100% %n %- %');
  });

  it('an unknown one is named, with those that there are', () => {
    assert.match(expand('%k and %1'), /^%k is no specifier[\s\S]*%n %N[\s\S]*\n%1 is no specifier/);
    assert.match(expand('%_'), /^%_$/);
    assert.match(expand('%Y'), /^%Y cannot be resolved: no machine has the unit file$/);
  });

  it('one that needs a well escaped name says so where the name is not', () => {
    assert.match(expand('%I', 'a@b\\c.service'), /^%I cannot be resolved/);
    assert.equal(expand('%i', 'a@b\\c.service'), 'b\\c');
  });

  it('placement knows only those of the name', () => {
    const unit = parseUnitName('a@b.service').value;
    assert.ok(unit);
    assert.equal(expandSpecifiers('%p%i', nameSpecifiers(unit)).value, 'ab');
    assert.match(
      expandSpecifiers('%H', nameSpecifiers(unit)).problems[0]?.message ?? '',
      /%H is no specifier that may stand here/,
    );
  });
});
