import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  escapeName,
  escapePath,
  numberedInstances,
  parseUnitName,
  templateOf,
  unescapeName,
  unescapePath,
} from './unitName.ts';

function parsed(name: string) {
  const { value } = parseUnitName(name);
  assert.ok(value, name);
  return value;
}

function messages(name: string): string {
  return parseUnitName(name)
    .problems.map(({ message }) => message)
    .join('\n');
}

describe('unit names', () => {
  it('a plain name has neither instance nor template', () => {
    assert.deepEqual(parsed('redis.service'), {
      name: 'redis.service',
      prefix: 'redis',
      type: 'service',
      isTemplate: false,
    });
  });

  it('a link named polop@redis.service has the prefix polop and the instance redis', () => {
    const { prefix, instance } = parsed('polop@redis.service');
    assert.deepEqual({ prefix, instance }, { prefix: 'polop', instance: 'redis' });
  });

  it('the first @ ends the prefix, the last dot the stem', () => {
    const { prefix, instance, type } = parsed('a.b@c@d.e.timer');
    assert.deepEqual({ prefix, instance, type }, { prefix: 'a.b', instance: 'c@d.e', type: 'timer' });
  });

  it('an instance leads back to its template, and a template to its instances', () => {
    const template = parsed('polop@.service');
    assert.equal(template.isTemplate, true);
    assert.equal(templateOf(parsed('polop@redis.service')), 'polop@.service');
    assert.deepEqual(numberedInstances('polop@.service', 2), ['polop@1.service', 'polop@2.service']);
    assert.equal(templateOf(template), null);
  });

  it('everything wrong with a name is said at once', () => {
    assert.match(messages(''), /empty/);
    assert.match(messages('a b'), /contains " "[\s\S]*does not end with a unit type/);
    assert.match(messages('@a.service'), /before its first "@"/);
    assert.match(messages('.service'), /before its first "\."/);
    assert.match(messages(`${'a'.repeat(248)}.service`), /at most 255 characters, this one 256/);
    assert.equal(messages(`${'a'.repeat(247)}.service`), '');
  });

  it('any text can be escaped into a name and comes back', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((each) => !each.includes('\0'));
    fc.assert(
      fc.property(text, (original) => {
        const escaped = escapeName(original);
        assert.match(escaped, /^[a-zA-Z0-9:_\\-][a-zA-Z0-9:_.\\-]*$/);
        assert.equal(unescapeName(escaped), original);
      }),
    );
  });

  it('what is no escaped text is not unescaped', () => {
    for (const text of ['\\', '\\x4', '\\n', '\\x00', '\\xff']) assert.equal(unescapeName(text), null, text);
  });

  it('paths lose what does not matter in them and come back', () => {
    assert.equal(escapePath('/tmp//waldi/./foobar/'), 'tmp-waldi-foobar');
    assert.equal(escapePath('//'), '-');
    assert.equal(unescapePath('tmp-waldi\\x2dfoobar'), '/tmp/waldi-foobar');
    assert.equal(unescapePath('-'), '/');
    for (const path of ['tmp', '/a/../b', '']) assert.equal(escapePath(path), null, path);
    for (const escaped of ['', '-a', 'a-', 'a--b', '..-b', '\\']) assert.equal(unescapePath(escaped), null, escaped);
  });
});
