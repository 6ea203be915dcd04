import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthCommand, KvCommand, KvErrorCode, Permission, RequestOp } from '../../../shared/domain/kv.ts';
import type { Store } from './store.ts';
import { del, get, given, put, snapshotOf, txn } from './testing/storeSpec.ts';

const done = { type: 'Done' } as const;
const enable: AuthCommand = { type: 'AuthEnable', tokenKey: 'abcd' };
const addRoot: AuthCommand[] = [
  { type: 'UserAdd', name: 'root', password: 'hash' },
  { type: 'UserGrantRole', name: 'root', role: 'root' },
];
const allow = (access: Permission['access'], key: string, rangeEnd?: string): AuthCommand => ({
  type: 'RoleGrantPermission',
  name: 'r',
  permission: rangeEnd === undefined ? { access, key } : { access, key, rangeEnd },
});
/** The user u has the role r: k1 to k5 both ways, p to p5 for reading, w for writing. */
const users: KvCommand[] = [
  ...addRoot,
  { type: 'UserAdd', name: 'u' },
  { type: 'RoleAdd', name: 'r' },
  allow('readwrite', 'k1', 'k5'),
  allow('read', 'p', 'p3'),
  allow('read', 'p3', 'p5'),
  allow('write', 'w'),
  { type: 'UserGrantRole', name: 'u', role: 'r' },
];

test('authentication needs the user root with the role root', () => {
  given().when(enable).isRefused('root-user-missing');
  given({ type: 'UserAdd', name: 'root' }).when(enable).isRefused('root-role-missing');
  const store = given(...addRoot)
    .when(enable)
    .answers(done);
  assert.deepEqual([store.auth.enabled, store.auth.tokenKey], [true, 'abcd']);
});

test('enabling what is enabled, and disabling what is not, changes nothing', () => {
  const store = given(...addRoot, enable).store;
  store.execute({ type: 'AuthEnable', tokenKey: 'other', user: 'root' });
  assert.equal(store.auth.tokenKey, 'abcd');
  const before = given().store;
  const { revision } = before.auth;
  before.execute({ type: 'AuthDisable' });
  assert.equal(before.auth.revision, revision);
});

test('every change raises the revision of authentication, and that of the keys not', () => {
  const store = given().store;
  const changes: AuthCommand[] = [
    ...addRoot,
    { type: 'RoleAdd', name: 'r' },
    allow('read', 'a'),
    allow('write', 'a'),
    { type: 'UserChangePassword', name: 'root', password: 'other' },
    { type: 'RoleRevokePermission', name: 'r', range: { key: 'a' } },
    { type: 'UserGrantRole', name: 'root', role: 'r' },
    { type: 'UserRevokeRole', name: 'root', role: 'r' },
    { type: 'RoleDelete', name: 'r' },
    enable,
  ];
  for (const change of changes) {
    const { revision } = store.auth;
    assert.deepEqual(store.execute(change), done);
    assert.ok(store.auth.revision > revision, change.type);
  }
  assert.equal(store.revision, 1);
});

test('users are added, changed and deleted', () => {
  const store = given(...addRoot, { type: 'UserAdd', name: 'u', password: 'h1' }).store;
  store.execute({ type: 'UserChangePassword', name: 'u', password: 'h2' });
  assert.deepEqual(
    [store.auth.password('u'), store.auth.password('root'), store.auth.password('x')],
    ['h2', 'hash', null],
  );
  store.execute({ type: 'UserAdd', name: 'certified' });
  assert.equal(store.auth.password('certified'), undefined);
  store.execute({ type: 'UserDelete', name: 'u' });
  assert.deepEqual(store.auth.users(), ['certified', 'root']);
});

test('a password that is changed leaves the roles', () => {
  const store = given(...addRoot, { type: 'UserChangePassword', name: 'root', password: 'x' }).store;
  assert.deepEqual(store.auth.rolesOf('root'), ['root']);
});

test('what is not there, or already there, is named', () => {
  const refusals: [AuthCommand, KvErrorCode][] = [
    [{ type: 'UserAdd', name: '' }, 'user-name-empty'],
    [{ type: 'UserAdd', name: 'u' }, 'user-exists'],
    [{ type: 'UserDelete', name: 'x' }, 'user-not-found'],
    [{ type: 'UserChangePassword', name: 'x', password: 'p' }, 'user-not-found'],
    [{ type: 'UserGrantRole', name: 'x', role: 'r' }, 'user-not-found'],
    [{ type: 'UserGrantRole', name: 'u', role: 'x' }, 'role-not-found'],
    [{ type: 'UserRevokeRole', name: 'x', role: 'r' }, 'user-not-found'],
    [{ type: 'UserRevokeRole', name: 'u', role: 'root' }, 'role-not-granted'],
    [{ type: 'RoleAdd', name: '' }, 'role-name-empty'],
    [{ type: 'RoleAdd', name: 'r' }, 'role-exists'],
    [{ type: 'RoleDelete', name: 'x' }, 'role-not-found'],
    [{ ...allow('read', 'a'), name: 'x' } as AuthCommand, 'role-not-found'],
    [allow('admin' as 'read', 'a'), 'invalid-request'],
    [{ type: 'RoleRevokePermission', name: 'x', range: { key: 'k1' } }, 'role-not-found'],
    [{ type: 'RoleRevokePermission', name: 'r', range: { key: 'k1', rangeEnd: 'k9' } }, 'permission-not-granted'],
  ];
  for (const [command, code] of refusals)
    given(...users)
      .when(command)
      .isRefused(code);
});

test('the root user cannot be locked out while authentication is on', () => {
  const lockOuts: AuthCommand[] = [
    { type: 'UserDelete', name: 'root' },
    { type: 'UserRevokeRole', name: 'root', role: 'root' },
    { type: 'RoleDelete', name: 'root' },
  ];
  for (const command of lockOuts) {
    given(...users, enable)
      .when({ ...command, user: 'root' })
      .isRefused('invalid-request');
  }
  given(...users)
    .when({ type: 'UserDelete', name: 'root' })
    .answers(done);
});

test('a role that is granted again is granted once', () => {
  const store = given(...users, { type: 'UserGrantRole', name: 'u', role: 'r' }).store;
  assert.deepEqual(store.auth.rolesOf('u'), ['r']);
});

test('a deleted role is nobody’s any more', () => {
  const store = given(...users, { type: 'RoleDelete', name: 'r' }).store;
  assert.deepEqual([store.auth.rolesOf('u'), store.auth.roles()], [[], []]);
  given(...users, { type: 'RoleDelete', name: 'r' }, enable)
    .when({ ...put('k1'), user: 'u' })
    .isRefused('permission-denied');
});

test('a permission for the same range replaces the one before, others stay beside it', () => {
  const store = given(...users, allow('read', 'k1', 'k5'), allow('write', 'k1')).store;
  assert.deepEqual(store.auth.permissionsOf('r'), [
    { access: 'write', key: 'k1' },
    { access: 'read', key: 'k1', rangeEnd: 'k5' },
    { access: 'read', key: 'p', rangeEnd: 'p3' },
    { access: 'read', key: 'p3', rangeEnd: 'p5' },
    { access: 'write', key: 'w' },
  ]);
  store.execute({ type: 'RoleRevokePermission', name: 'r', range: { key: 'k1', rangeEnd: 'k5' } });
  assert.equal(store.auth.permissionsOf('r')?.length, 4);
  assert.equal(store.auth.permissionsOf('x'), null);
});

function answerTo(command: KvCommand, user?: string): string | undefined {
  const { store } = given(...users, enable);
  const answer = store.execute(user === undefined ? command : { ...command, user });
  return 'code' in answer ? answer.code : undefined;
}

test('a user may do to keys what the roles allow', () => {
  const allowed: KvCommand[] = [
    put('k1'),
    put('k4\xff', '', { prevKv: true }),
    put('w'),
    del('k1'),
    del('k1', 'k5'),
    { ...del('k2', 'k3'), prevKv: true },
    txn(put('k1'), get('p', { rangeEnd: 'p5' }), txn(del('w'))),
  ];
  const denied: KvCommand[] = [
    put('k5'),
    put('p'),
    put('w', '', { prevKv: true }),
    del('k1', 'k6'),
    del('k1', '\0'),
    { ...del('w'), prevKv: true },
    txn(put('k1'), put('x')),
    txn(txn(put('x'))),
    { ...txn(), failure: [get('x')] },
    { ...txn(), compare: [{ key: 'w', target: 'mod', number: 0, result: 'equal' }] },
  ];
  for (const command of allowed) assert.equal(answerTo(command, 'u'), undefined, JSON.stringify(command));
  for (const command of denied) {
    assert.equal(answerTo(command, 'u'), 'permission-denied', JSON.stringify(command));
    assert.equal(answerTo(command, 'root'), undefined, JSON.stringify(command));
    assert.equal(answerTo(command, 'nobody'), 'permission-denied', JSON.stringify(command));
    assert.equal(answerTo(command), 'user-name-empty', JSON.stringify(command));
    assert.equal(answerTo(command, ''), 'user-name-empty', JSON.stringify(command));
  }
});

function readAnswer(store: Store, op: RequestOp & { type: 'Range' }, user?: string): (string | undefined)[] {
  const answers = [store.range(op, user), store.read({ compare: [], success: [op], failure: [] }, user)];
  return answers.map((answer) => ('code' in answer ? answer.code : undefined));
}

test('reads ask for permission as well', () => {
  const { store } = given(...users, enable);
  assert.deepEqual(readAnswer(store, get('p2', { rangeEnd: 'p4' }), 'u'), [undefined, undefined]);
  assert.deepEqual(readAnswer(store, get('p2', { rangeEnd: 'p6' }), 'u'), Array(2).fill('permission-denied'));
  assert.deepEqual(readAnswer(store, get('w'), 'u'), Array(2).fill('permission-denied'));
  assert.deepEqual(readAnswer(store, get('w')), Array(2).fill('user-name-empty'));
  assert.deepEqual(readAnswer(store, get('w'), 'root'), [undefined, undefined]);
  assert.deepEqual(readAnswer(given(...users).store, get('w'), 'u'), [undefined, undefined]);
});

test('only root changes who may do what', () => {
  assert.equal(answerTo({ type: 'RoleAdd', name: 'x' }, 'u'), 'permission-denied');
  assert.equal(answerTo({ type: 'RoleAdd', name: 'x' }), 'user-name-empty');
  assert.equal(answerTo({ type: 'AuthDisable' }, 'u'), 'permission-denied');
  assert.equal(answerTo({ type: 'AuthDisable' }, 'root'), undefined);
});

test('a lease is revoked by who may write all its keys, and put on by who may revoke it', () => {
  const leased: KvCommand[] = [
    ...users,
    { type: 'LeaseGrant', lease: '7', ttlS: 9 },
    put('k1', '', { lease: '7' }),
    { type: 'LeaseGrant', lease: '8', ttlS: 9 },
    put('k2', '', { lease: '8' }),
    put('other', '', { lease: '8' }),
    enable,
  ];
  given(...leased)
    .when({ type: 'LeaseRevoke', lease: '7', user: 'u' })
    .answers(done);
  given(...leased)
    .when({ type: 'LeaseRevoke', lease: '8', user: 'u' })
    .isRefused('permission-denied');
  given(...leased)
    .when({ ...put('k3', '', { lease: '8' }), user: 'u' })
    .isRefused('permission-denied');
  given(...leased)
    .when({ type: 'LeaseExpire', lease: '8' })
    .answers(done);
  given(...leased)
    .when({ type: 'LeaseRevoke', lease: '8', user: 'root' })
    .answers(done);
});

test('compactions, grants and alarms are for everybody, as in etcd', () => {
  assert.equal(answerTo({ type: 'LeaseGrant', lease: '9', ttlS: 5 }), undefined);
  assert.equal(answerTo({ type: 'AlarmActivate', alarm: 'NOSPACE', member: 'm' }), undefined);
  assert.equal(answerTo({ type: 'Compact', revision: 1 }), undefined);
});

test('permissions count from the moment they change', () => {
  const { store } = given(...users, enable);
  assert.equal('code' in store.execute({ ...put('k1'), user: 'u' }), false);
  const range = { key: 'k1', rangeEnd: 'k5' };
  store.execute({ type: 'RoleRevokePermission', name: 'r', range, user: 'root' });
  assert.deepEqual(store.execute({ ...put('k1'), user: 'u' }), { code: 'permission-denied' });
  store.execute({ type: 'AuthDisable', user: 'root' });
  assert.equal('code' in store.execute(put('k1')), false);
});

test('what is given out of permissions cannot change them', () => {
  const { store } = given(...users);
  const before = snapshotOf(store);
  for (const permission of store.auth.permissionsOf('r') ?? []) permission.access = 'readwrite';
  store.auth.rolesOf('u')?.push('root');
  assert.equal(snapshotOf(store), before);
});
