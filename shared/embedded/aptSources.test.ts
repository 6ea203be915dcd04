import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archiveUris, parseDeb822Sources, parseDistribution, parseOneLineSources } from './aptSources.ts';

test('one-line sources: options, comments, several components', () => {
  const text = [
    '# deb http://old.example/debian bookworm main',
    'deb [signed-by=/usr/share/keyrings/a.gpg arch=amd64] http://deb.example/debian bookworm main contrib # ours',
    'deb-src http://deb.example/debian bookworm main',
    '  deb   https://other.example/x   stable   main',
    '',
  ].join('\n');
  assert.deepEqual(parseOneLineSources(text), [
    { uri: 'http://deb.example/debian', suites: ['bookworm'], components: ['main', 'contrib'] },
    { uri: 'https://other.example/x', suites: ['stable'], components: ['main'] },
  ]);
});

test('deb822 sources: several values, continuation lines, comments, disabled and source-only paragraphs', () => {
  const text = `# what the installer wrote
Types: deb deb-src
URIs: http://one.example/debian http://two.example/debian
Suites: trixie
 trixie-updates
# not non-free
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main

types: deb-src
URIs: http://source.example/debian
Suites: trixie
Components: main
`;
  const suites = ['trixie', 'trixie-updates'];
  assert.deepEqual(parseDeb822Sources(text), [
    { uri: 'http://one.example/debian', suites, components: ['main'] },
    { uri: 'http://two.example/debian', suites, components: ['main'] },
  ]);
});

test("the archive is the one that the installed release's main component comes from", () => {
  const source = (uri: string, suites: string[], components: string[]) => ({ uri, suites, components });
  const sources = [
    source('http://deb.example/debian', ['bookworm', 'bookworm-updates'], ['main']),
    source('http://deb.example/debian-security', ['bookworm-security'], ['main']),
    source('https://packages.cloud.example/apt', ['cloud-sdk-bookworm'], ['main']),
    source('https://download.docker.example/linux/debian', ['bookworm'], ['stable']),
    source('http://deb.example/debian', ['bookworm'], ['main', 'contrib']),
  ];
  assert.deepEqual(archiveUris(sources, 'bookworm'), ['http://deb.example/debian']);
});

test('Debian, Ubuntu and what is made of them are told apart from the rest', () => {
  const debian = parseDistribution('ID=debian\nVERSION_CODENAME=bookworm\n');
  assert.equal(debian?.codename, 'bookworm');
  assert.match(debian?.keyring ?? '', /debian-archive/);
  const mint = parseDistribution(
    'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=xia\nUBUNTU_CODENAME=noble\n',
  );
  assert.equal(mint?.codename, 'noble');
  assert.match(mint?.keyring ?? '', /ubuntu-archive/);
  assert.equal(parseDistribution('ID=fedora\nVERSION_ID=42\n'), null);
  assert.equal(parseDistribution(''), null);
});
