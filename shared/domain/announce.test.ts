import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renderAnnouncement } from './announce.ts';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(lines: string[], { name = 'redis@a.service', start = '/bin/true' } = {}) {
  const text = ['[Service]', `ExecStart=${start}`, '[X-Flotilla]', ...lines].join('\n');
  const { value } = parseUnitName(name);
  assert.ok(value);
  const { spec, problems } = interpretUnit(value, parseUnitFile(text).file);
  return {
    announcements: spec?.announcements ?? [],
    problems: problems.map(({ line, message }) => `${line}: ${message}`),
  };
}

const redis = '/usr/bin/docker run -p 6379 -p 127.0.0.1:81:80/udp redis';

describe('Announce=', () => {
  test('is a key and what to write there, specifiers expanded', () => {
    assert.deepEqual(read(['Announce=/services/%p/%i {{ip}}:7000', 'Announce=/x {"host": "{{ ip }}"}']), {
      announcements: [
        { key: '/services/redis/a', value: '{{ip}}:7000' },
        { key: '/x', value: '{"host": "{{ip}}"}' },
      ],
      problems: [],
    });
  });

  test('{{port}} is the first port that docker run publishes, {{port:…}} the one that is named', () => {
    const { announcements } = read(['Announce=/a {{ip}}:{{port}}', 'Announce=/b {{port:80/udp}}'], { start: redis });
    assert.deepEqual(
      announcements.map(({ value }) => value),
      ['{{ip}}:{{port:6379/tcp}}', '{{port:80/udp}}'],
    );
  });

  test('of ports that only the engine knows any may be meant', () => {
    for (const start of ['/usr/bin/docker run -P redis', '/usr/bin/docker run -p $PORT:6379 redis']) {
      const { announcements, problems } = read(['Announce=/a {{port}}', 'Announce=/b {{port:6379}}'], { start });
      assert.deepEqual(
        announcements.map(({ value }) => value),
        ['{{port}}', '{{port:6379/tcp}}'],
        problems.join(),
      );
    }
  });

  test('an empty one takes back those before it', () => {
    assert.deepEqual(read(['Announce=/a b', 'Announce=', 'Announce=/c d']).announcements, [{ key: '/c', value: 'd' }]);
  });

  test('every problem is told, with its line and what to write instead', () => {
    const { problems } = read([
      'Announce=/only-a-key',
      'Announce=/a {{prot}}',
      'Announce=/b {{ip}}:{{port}}',
      'Announce=/b again',
      'Announce=/{{ip}} x',
      'Announce=/c %Z',
    ]);
    const says = [
      /^4: .*needs a key and what to write there/,
      /^5: .*has \{\{prot\}\}: there are/,
      /^6: .*a process publishes no port: write the port/,
      /^7: .*announces a key that the unit announces already/,
      /^8: .*in its key/,
      /^9: .*%Z is no specifier/,
    ];
    assert.equal(problems.length, says.length, problems.join('\n'));
    for (const [i, pattern] of says.entries()) assert.match(problems[i] ?? '', pattern);
  });

  test('a port that the container does not publish is told', () => {
    const cases: [start: string, value: string, says: RegExp][] = [
      [redis, '{{port:80}}', /publishes 6379\/tcp, 80\/udp only/],
      ['/usr/bin/docker run redis', '{{port}}', /give it one, such as -p 6379/],
      ['/usr/bin/docker run --network host redis', '{{port}}', /in the network of its machine/],
    ];
    for (const [start, value, says] of cases)
      assert.match(read([`Announce=/a ${value}`], { start }).problems.join(), says);
  });

  test('a port that only its own machine reaches is warned of', () => {
    const { problems, announcements } = read(['Announce=/a {{ip}}:{{port:80/udp}}'], { start: redis });
    assert.match(problems.join(), /^4: .*leads nowhere from other machines: docker run publishes 80\/udp on loopback/);
    assert.equal(announcements.length, 1);
    assert.deepEqual(read(['Announce=/a 127.0.0.1:{{port:80/udp}}'], { start: redis }).problems, []);
  });

  test('a global unit announces another key on every machine', () => {
    const global = ['[X-Fleet]', 'Global=true'];
    assert.match(read(['Announce=/a x', ...global], { name: 'a.service' }).problems.join(), /put %m or %H in it/);
    assert.deepEqual(read(['Announce=/a/%m x', ...global], { name: 'a.service' }).problems, []);
  });
});

describe('what is announced', () => {
  const facts = { ip: '10.0.0.7', ports: [{ port: '6379/tcp', hostPort: 32768 }] };
  const render = (value: string) => renderAnnouncement({ key: '/a', value }, facts);
  test('has the address and the ports that the engine chose', () => {
    assert.deepEqual(render('{{ip}}:{{port:6379/tcp}}'), { value: '10.0.0.7:32768' });
    assert.deepEqual(render('{{port}}'), { value: '32768' });
    assert.deepEqual(render('{"a": {"b": 1}}'), { value: '{"a": {"b": 1}}' });
  });
  test('is not written as long as a port is missing', () => {
    assert.deepEqual(render('{{port:80/tcp}}'), { missing: '80/tcp' });
  });
});
