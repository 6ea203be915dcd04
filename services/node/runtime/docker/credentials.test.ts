import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readCredentials } from './credentials.ts';

describe('credentials for registries', () => {
  let directory: string;
  const env = () => ({ PATH: `${directory}:${process.env.PATH}`, DOCKER_CONFIG: directory });
  const write = (config: unknown) => writeFile(join(directory, 'config.json'), JSON.stringify(config));
  const base64 = (text: string) => Buffer.from(text).toString('base64');

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-credentials-'));
    const helper = join(directory, 'docker-credential-vault');
    const known = '{"ServerURL":"h","Username":"u","Secret":"from-helper"}';
    const token = '{"ServerURL":"h","Username":"<token>","Secret":"t"}';
    await writeFile(
      helper,
      `#!/bin/sh\n[ "$1" = get ] || exit 9\ncase $(cat) in a.example) echo '${known}';; t.example) echo '${token}';; *) echo 'credentials not found in native keychain'; exit 1;; esac\n`,
    );
    await chmod(helper, 0o755);
  });
  after(() => rm(directory, { recursive: true }));

  it('come from the file, whatever form the name of the registry has there', async () => {
    const passwords = { 'https://index.docker.io/v1/': 'hub', 'https://a.example/v1/': 'a', 'b.example:5000': 'b:c' };
    const auths = Object.entries(passwords).map(([host, password]) => [host, { auth: base64(`me:${password}`) }]);
    await write({ auths: Object.fromEntries(auths) });
    const find = readCredentials(undefined, env());
    const found = await Promise.all(['redis', 'a.example/x', 'b.example:5000/x/y:1', 'c.example/x'].map(find));
    assert.deepEqual(
      found.map((each) => each && [each.username, each.password]),
      [['me', 'hub'], ['me', 'a'], ['me', 'b:c'], null],
    );
  });

  it('come from the helper of the registry, or of all; what it does not know, from the file', async () => {
    const auths = { 'c.example': { auth: base64('me:from-file') } };
    await write({ auths, credsStore: 'vault', credHelpers: { 't.example': 'vault', 'x.example': 'nowhere' } });
    const find = readCredentials(undefined, env());
    assert.equal((await find('a.example/x'))?.password, 'from-helper');
    assert.deepEqual(await find('t.example/x'), { identitytoken: 't', serveraddress: 't.example' });
    assert.equal((await find('c.example/x'))?.password, 'from-file');
    await assert.rejects(find('x.example/x'), /docker-credential-nowhere for x\.example is not on this machine/);
  });

  it('are none where docker has no file, and a file that is named has to be there', async () => {
    assert.equal(await readCredentials(undefined, { DOCKER_CONFIG: '/no/such' })('redis'), null);
    await assert.rejects(readCredentials('/no/such/file')('redis'), /\/no\/such\/file cannot be read: ENOENT/);
  });
});
