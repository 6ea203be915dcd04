import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseColumns, type Fields, sortRows } from './fields.ts';
import { Options } from './options.ts';

const fields: Fields<{ name: string; size: string }> = {
  columns: { name: { head: 'NAME', cell: (row) => row.name }, size: { head: 'SIZE', cell: (row) => row.size } },
  shown: ['name'],
};

test('columns are those that were asked for, in that order', () => {
  const heads = (given: object) => chooseColumns(new Options({ ...given }), fields).map(({ head }) => head);
  assert.deepEqual(heads({}), ['NAME']);
  assert.deepEqual(heads({ fields: 'size,name' }), ['SIZE', 'NAME']);
  assert.throws(() => heads({ fields: 'size,toString' }), /no field "toString"; there are name, size/);
});

test('rows are sorted by a field, numbers by their value, and stay in order where it is the same', () => {
  const rows = [
    { name: 'web@10', size: 'x' },
    { name: 'web@9', size: 'a' },
    { name: 'a', size: 'x' },
  ];
  const sorted = (sortBy: string) => sortRows(new Options({ sortBy }), rows, fields).map(({ name }) => name);
  assert.deepEqual(sorted('name'), ['a', 'web@9', 'web@10']);
  assert.deepEqual(sorted('size'), ['web@9', 'web@10', 'a']);
  assert.throws(() => sorted('nope'), /--sort-by: there is no field "nope"/);
});
