import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Options } from './options.ts';
import { readSshWish, sshArguments } from './sshCommand.ts';

/** As the parser leaves options of which none was given. */
const none = { strictHostKeyChecking: true };
const call = (given: object, env: Record<string, string>, ...command: string[]) =>
  sshArguments('10.0.0.3', command, readSshWish(new Options({ ...none, ...given }), env));

test('a shell is ssh with nothing but the address', () => {
  assert.deepEqual(call({}, {}), ['--', '10.0.0.3']);
});

test("fleetctl's options are ssh's own", () => {
  const given = {
    forwardAgent: true,
    sshPort: '2222',
    sshUsername: 'core',
    sshTimeout: '5',
    tunnel: 'gate',
    knownHostsFile: '/k',
  };
  assert.deepEqual(call(given, {}, 'ls', '-l'), [
    ...['-A', '-p', '2222', '-o', 'ProxyJump=core@gate', '-o', 'ConnectTimeout=5', '-o', 'UserKnownHostsFile=/k'],
    ...['--', 'core@10.0.0.3', 'ls', '-l'],
  ]);
});

test('what is not said is taken from the variables that fleetctl reads, and what is said goes before them', () => {
  const env = { FLEETCTL_SSH_USERNAME: 'core', FLEETCTL_TUNNEL: 'me@gate', FLEETCTL_SSH_TIMEOUT: '2.5' };
  assert.deepEqual(call({}, env), ['-o', 'ProxyJump=me@gate', '-o', 'ConnectTimeout=3', '--', 'core@10.0.0.3']);
  assert.deepEqual(call({ sshUsername: 'me', tunnel: 'x', sshTimeout: '1' }, env).slice(-1), ['me@10.0.0.3']);
  assert.throws(() => call({}, { FLEETCTL_SSH_TIMEOUT: 'soon' }), /takes seconds, not "soon"/);
});

test('keys of hosts are checked unless somebody says otherwise', () => {
  const unchecked = ['-o', 'StrictHostKeyChecking=no', '--', '10.0.0.3'];
  assert.deepEqual(call({ strictHostKeyChecking: false }, {}), unchecked);
  assert.deepEqual(call({}, { FLEETCTL_STRICT_HOST_KEY_CHECKING: 'false' }), unchecked);
});
