import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findVerb, renderHelp, renderVerbHelp, synopsis } from './help.ts';
import { checkUsage } from './usage.ts';
import { verbs } from './verbs.ts';

const check = (name: string, args: string[], options = {}) => checkUsage(findVerb(name), args, options);
const usageError = (message: RegExp) => ({ name: 'UsageError', message });

test('an unknown verb is a usage error that says which one was probably meant', () => {
  assert.throws(() => findVerb('lsit-units'), usageError(/did you mean "list-units"\?/));
  assert.throws(() => findVerb('xyzzy'), usageError(/"flotilla help" lists them/));
});

test('an unknown option is a usage error that says which one was probably meant', () => {
  assert.throws(() => check('list-units', [], { jsno: true }), usageError(/did you mean --json\?/));
  assert.throws(() => check('start', ['a'], { follow: true }), usageError(/"start" has no option --follow/));
});

test('an option that only fleetctl has is refused with what to do instead', () => {
  assert.throws(
    () => check('list-units', [], { endpoint: 'http://x' }),
    usageError(/as fleetctl has: .*--server nats:/),
  );
  assert.throws(() => check('list-units', [], { tunnel: 'x' }), usageError(/ssh -N -L/));
});

test('an option that needs a value does not go without', () => {
  assert.throws(() => check('list-units', [], { dir: true }), usageError(/--dir needs a value/));
});

test('arguments are neither missing, nor too many, nor empty', () => {
  assert.throws(() => check('start', []), usageError(/needs an argument; usage: flotilla start UNIT\.\.\./));
  assert.throws(() => check('history', ['a', 'b']), usageError(/cannot make use of "b"/));
  assert.throws(() => check('list-units', ['a']), usageError(/cannot make use of "a"/));
  assert.throws(() => check('start', ['a', '']), usageError(/empty/));
});

test('what is right passes, in every spelling that the parser makes of it', () => {
  check('start', ['a', 'b'], { block: false, timeout: '5' });
  check('journal', ['a'], { n: '5', lines: '5', f: true, follow: true });
  check('help', []);
});

test('every verb is in the help with its arguments, every option in the help of its verb', () => {
  const help = renderHelp();
  for (const verb of verbs) {
    assert.ok(help.includes(`  ${synopsis(verb)} `), verb.name);
    for (const [flags] of verb.options) assert.ok(renderVerbHelp(verb).includes(flags), `${verb.name} ${flags}`);
  }
});

test('every verb has a command behind it', async () => {
  for (const verb of verbs) assert.equal(typeof (await verb.load()), 'function', verb.name);
});
