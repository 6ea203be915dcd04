/** Real sockets, held by a real process. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { interpretUnit } from '../../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import { until } from '../../../test/support/until.ts';
import { boardsOf } from '../runtime/notify/noticeBoard.ts';
import { listenVariables } from '../runtime/runtime.ts';
import { SocketSite } from './socketHolder.ts';

const run = promisify(execFile);

async function site(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-sockets-'));
  const sockets = new SocketSite(directory);
  t.after(async () => {
    await sockets.sweep([]);
    await rm(boardsOf(join(directory, 'sockets')), { recursive: true });
    await rm(directory, { recursive: true });
  });
  const holder = (text: string) => {
    const name = parseUnitName('web.socket').value;
    assert.ok(name);
    const { spec, problems } = interpretUnit(name, parseUnitFile(`[Socket]\n${text}\n`).file);
    assert.ok(spec?.socket, JSON.stringify(problems));
    return sockets.holder('web.socket', spec.socket);
  };
  return { directory, sockets, holder };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

describe('the holder of sockets', () => {
  it('says when somebody calls, and hands over what it holds, in order', async (t) => {
    const { directory, sockets, holder } = await site(t);
    const [tcp, udp] = [await freePort(), await freePort()];
    const path = join(directory, 'a b/x.sock');
    const web = holder(
      `ListenStream=127.0.0.1:${tcp}\nListenDatagram=${udp}\nListenStream=${path}\nSocketMode=0600\nDirectoryMode=0700\nFileDescriptorName=front\nRemoveOnStop=yes`,
    );
    let calls = 0;
    web.onReady = () => {
      calls += 1;
    };
    await web.open();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'a b'))).mode & 0o777, 0o700);

    const sender = createSocket('udp4');
    t.after(() => sender.close());
    web.watch();
    sender.send('hello', udp, '127.0.0.1');
    await until('a datagram is told', () => calls === 1);

    // Whoever takes them finds the datagram, and a call that came before it was there.
    const caller = connect(tcp, '127.0.0.1');
    await once(caller, 'connect');
    const passed = sockets.passed([web.held]);
    const variables = Object.entries(listenVariables(passed.names)).map(([key, value]) => `${key}=${value}`);
    const serve = String.raw`open(my $udp, "+<&=", 4); recv($udp, my $said, 99, 0);
      open(my $tcp, "+<&=", 3); accept(my $call, $tcp); syswrite $call, "served\n"; close $call;
      print join "|", $said, $ENV{LISTEN_FDS}, $ENV{LISTEN_FDNAMES}, $ENV{LISTEN_PID} == $$ ? "own pid" : "other", -S "/proc/$$/fd/5" ? 1 : 0, -e "/proc/$$/fd/200" ? 1 : 0`;
    const [program = '', ...args] = passed.wrap(['/usr/bin/env', '-i', ...variables, '/usr/bin/perl', '-e', serve]);
    const { stdout } = await run(program, args);
    assert.equal(stdout, 'hello|3|front:front:front|own pid|1|0');
    const [answer] = await once(caller, 'data');
    assert.equal(String(answer), 'served\n');
    await web.end();
    await assert.rejects(stat(path));
    await assert.rejects(once(connect(tcp, '127.0.0.1'), 'connect'));
  });

  it('outlives its agent: the next one takes it up, and no caller is turned away meanwhile', async (t) => {
    const { directory, sockets, holder } = await site(t);
    const path = join(directory, 'x.sock');
    const text = `ListenStream=${path}`;
    const first = holder(text);
    await first.open();
    first.release();
    const caller = connect(path);
    await once(caller, 'connect');
    const next = holder(text);
    let calls = 0;
    next.onReady = () => {
      calls += 1;
    };
    await next.open();
    next.watch();
    await until('the call is told', () => calls === 1);
    caller.destroy();
    // Without RemoveOnStop= the file stays, and is no hindrance.
    await next.end();
    await stat(path);
    const again = holder(text);
    await again.open();
    await sockets.sweep([again.held.control]);
    const other = connect(path);
    await once(other, 'connect');
    other.destroy();
    let lost = false;
    again.onLost = () => {
      lost = true;
    };
    await sockets.sweep([]);
    await until('it is ended when nobody needs it', () => lost);
  });

  it('says why sockets cannot be opened', async (t) => {
    const { holder } = await site(t);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await assert.rejects(holder(`ListenStream=127.0.0.1:${port}`).open(), /cannot be opened: .*Address already in use/);
    await assert.rejects(
      holder('ListenStream=@x\nSocketUser=nobody-here').open(),
      /SocketUser=nobody-here: there is none/,
    );
  });
});
