import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Table } from './table.ts';

describe('a draft of a draft', () => {
  const root = new Table<number>();
  root.set('a', 1);
  root.set('b', 2);
  const first = root.draft();
  first.set('a', 10);
  const second = first.draft();
  second.delete('b');

  test('knows what both are made of', () => {
    assert.equal(second.root, root);
    assert.equal(root.root, root);
  });

  test('says which keys differ from there', () => {
    assert.deepEqual([...second.changed()], ['a', 'b']);
    assert.deepEqual([...first.changed()], ['a']);
    assert.deepEqual([...root.changed()], []);
  });
});

test('who asked is told of each key that changes, for themselves', () => {
  const table = new Table<number>();
  table.set('before', 1);
  const [one, other] = [table.noteChanges(), table.noteChanges()];
  table.set('a', 1);
  table.draft().set('tried', 1);
  one.clear();
  table.delete('before');
  table.delete('unknown');
  assert.deepEqual([...one], ['before']);
  assert.deepEqual([...other], ['a', 'before']);
});
