import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGroup, joinVerb } from './verbWords.ts';

test('the words of a verb become one argument, wherever the verb stands', () => {
  const cases: [typed: string, joined: string[]][] = [
    ['kv put a b', ['kv put', 'a', 'b']],
    ['kv get a kv put', ['kv get', 'a', 'kv', 'put']],
    ['kv lease grant 5', ['kv lease grant', '5']],
    ['kv lease list --json', ['kv lease list', '--json']],
    ['--dir kv kv status', ['--dir', 'kv', 'kv status']],
    ['--server=x kv del a', ['--server=x', 'kv del', 'a']],
    ['start kv put', ['start', 'kv', 'put']],
    ['kv get --prefix a', ['kv get', '--prefix', 'a']],
  ];
  for (const [typed, joined] of cases) assert.deepEqual(joinVerb(typed.split(' ')), joined, typed);
});

test('of a verb that there is not, the words stay together, too', () => {
  assert.deepEqual(joinVerb(['kv', 'gte', 'a']), ['kv gte', 'a']);
  assert.deepEqual(joinVerb(['kv', 'lease', 'grnat', '5']), ['kv lease grnat', '5']);
  assert.deepEqual(joinVerb(['kv']), ['kv']);
  assert.deepEqual(joinVerb(['kv', '--help']), ['kv', '--help']);
});

test('a group is the beginning of verbs', () => {
  assert.deepEqual(['kv', 'kv lease', 'kv lease grant', 'k'].map(isGroup), [true, true, false, false]);
});
