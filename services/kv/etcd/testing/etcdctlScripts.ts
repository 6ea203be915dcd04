/** What is said to etcdctl: what it prints has to be the same with a real etcd and with ours. */
import assert from 'node:assert/strict';
import type { CommandResult, Etcdctl } from './etcdctl.ts';

/** Command lines, each with what it reads from its standard input. */
export type Script = readonly (string | [line: string, input: string])[];

const data: Script = [
  'put greeting hello',
  'put greeting hi --prev-kv',
  'get greeting',
  'get greeting -w fields',
  'get greeting -w json',
  'get nothing',
  'put --ignore-value nothing',
  'put --ignore-value --ignore-lease greeting',
  'put a/1 one',
  'put a/2 two',
  'put a/3 three',
  'get --prefix a/',
  'get --prefix a/ --keys-only',
  'get --prefix a/ --count-only -w fields',
  'get --prefix a/ --limit 2 --order DESCEND --sort-by MODIFY',
  'get a/1 a/3 --print-value-only',
  'get --from-key a/2',
  'get greeting --rev 2',
  'get greeting --rev 999',
  'get --prefix "" --consistency s',
  ['put from-input', 'a value\nof two lines'],
  'get from-input',
  [
    'txn',
    'value("greeting") = "hi"\nversion("a/1") > "0"\n\nput t 1\nget greeting\ndel a/3 --prev-kv\n\nget nothing\n\n',
  ],
  ['txn', 'mod("t") < "1"\ncreate("t") != "0"\n\nput t 2\n\nget t\nget --prefix a/\n\n'],
  ['txn', '\nput t 1\nput t 2\n\n\n'],
  'del a/1 --prev-kv',
  'del --prefix a/ --prev-kv',
  'del nothing',
  'compaction 5',
  'compaction 5',
  'compaction 9999',
  'get greeting --rev 2',
  'compaction 8 --physical',
  'put "" x',
  'get ""',
];

const leases: Script = [
  'lease grant 600',
  'lease grant -- -5',
  'lease revoke 1234',
  'lease timetolive 1234',
  'lease keep-alive --once 1234',
  'put leased x --lease=1234',
];

const users: Script = [
  'user list',
  'user add alice:secret',
  'user add alice:secret',
  'user add bob --no-password',
  'user add root:rootpw',
  'user list',
  'user get alice',
  'user get nobody',
  'auth enable',
  'role add readers',
  'role add readers',
  'role grant-permission readers read a/ --prefix=true',
  'role grant-permission readers readwrite w',
  'role grant-permission nobody read a',
  'role get readers',
  'role get nobody',
  'role list',
  'user grant-role alice readers',
  'user grant-role alice nobody',
  'user grant-role nobody readers',
  'user get alice --detail',
  'role add root',
  'user grant-role root root',
  'role get root',
  'auth enable',
  'get a/x',
  'user list',
  '--user alice:wrong get a/x',
  '--user bob:guess get a/x',
  '--user nobody:x get a/x',
  '--user alice:secret get a/x',
  '--user alice:secret get b',
  '--user alice:secret put a/x 1',
  '--user alice:secret put w 1',
  '--user alice:secret get --prefix a/',
  '--user alice:secret get --from-key a/',
  '--user alice:secret del w',
  '--user alice:secret user list',
  '--user alice:secret user get alice',
  '--user alice:secret user get root',
  '--user alice:secret role get readers',
  '--user alice:secret role get root',
  '--user alice:secret user add mallory:x',
  '--user root:rootpw put b 1',
  '--user root:rootpw user list',
  '--user root:rootpw user delete root',
  '--user root:rootpw user revoke-role root root',
  ['--user root:rootpw user passwd alice --interactive=false', 'changed\n'],
  '--user alice:secret get a/x',
  '--user alice:changed get a/x',
  '--user root:rootpw role revoke-permission readers w',
  '--user root:rootpw role revoke-permission readers w',
  '--user alice:changed put w 1',
  '--user root:rootpw user revoke-role alice readers',
  '--user root:rootpw user revoke-role alice readers',
  '--user root:rootpw role delete readers',
  '--user root:rootpw role delete readers',
  '--user root:rootpw user delete alice',
  '--user alice:changed get a/x',
  '--user root:rootpw auth disable',
  'auth disable',
  'get b',
];

const rest: Script = [
  'alarm list',
  'alarm disarm',
  'endpoint health',
  'member remove 1234',
  'move-leader 1234',
  'defrag',
];

/** Each for a store that is empty. */
export const scripts: Readonly<Record<string, Script>> = { data, leases, users, rest };

/** Says it all to both. */
export async function compareScript(script: Script, real: Etcdctl, ours: Etcdctl): Promise<void> {
  for (const entry of script) {
    const [line, input] = typeof entry === 'string' ? [entry, ''] : entry;
    const args = splitWords(line);
    const expected = withoutIds(await real.run(args, input));
    assert.deepEqual(withoutIds(await ours.run(args, input)), expected, line);
  }
}

/** Words between blanks; what stands in double quotes is one. */
function splitWords(line: string): string[] {
  return Array.from(line.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Without what is each server's own: its ids, its term, its port, and how long something took. */
function withoutIds({ code, stdout, stderr }: CommandResult): CommandResult {
  const clean = (text: string) =>
    text
      .replace(/"(cluster_id|member_id|raft_term)":\d+/g, '"$1":0')
      .replace(/"(ClusterID|MemberID|RaftTerm)" : \d+/g, '"$1" : 0')
      .replace(/\b[0-9a-f]{14,16}\b/g, 'ID')
      .replace(/127\.0\.0\.1:\d+/g, 'ENDPOINT')
      .replace(/took = \S+|took \S+/g, 'took TIME')
      .replace(/remaining\(\d+s\)/g, 'remaining');
  return { code, stdout: clean(stdout), stderr: clean(stderr) };
}
