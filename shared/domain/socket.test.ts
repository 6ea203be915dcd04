import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(text: string, name = 'web.socket') {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return { spec, problems: problems.map(({ line, message }) => `${line ?? '-'}: ${message}`) };
}

describe('[Socket]', () => {
  it('lists what is listened on in order, until an empty assignment forgets it', () => {
    const { spec, problems } = read(
      '[Socket]\nListenStream=1\nListenStream=\nListenStream=80\nListenDatagram=[::1]:53\nListenStream=10.0.0.1:443\nListenStream=/run//x/\nListenStream=@web\nAccept=no\n',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(spec?.socket?.listeners, [
      { type: 'stream', address: { family: 'any', port: 80 } },
      { type: 'datagram', address: { family: 'inet6', host: '::1', port: 53 } },
      { type: 'stream', address: { family: 'inet', host: '10.0.0.1', port: 443 } },
      { type: 'stream', address: { family: 'unix', path: '/run/x' } },
      { type: 'stream', address: { family: 'unix', path: '@web' } },
    ]);
    assert.equal(spec.socket.unit, 'web.service');
    assert.equal(spec.socket.name, 'web.socket');
    assert.equal(spec.placement.machineOf, 'web.service');
  });

  it('says everything that is wrong at once, with its line', () => {
    const { spec, problems } = read(
      '[Socket]\nListenStream=vsock:2:1\nListenStream=70000\nListenFIFO=/run/f\nAccept=yes\nNoDelay=yes\nSocketMode=9\nUser=x\nFileDescriptorName=a:b\n',
    );
    assert.equal(spec, null);
    const expected = [
      /^-: nothing is listened on/,
      /^2: .* is no address/,
      /^3: .* no port/,
      /^4: .*only streams and datagrams/,
      /^5: Accept=yes is not supported/,
      /^6: NoDelay=yes/,
      /^7: .* octal/,
      /^8: .*a socket runs no commands/,
      /^9: .* no name/,
    ];
    for (const [index, pattern] of expected.entries()) assert.match(problems[index] ?? '', pattern);
  });
});
