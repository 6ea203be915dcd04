import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePort } from '../../shared/embedded/choosePort.ts';
import { findOrFetchNatsServer } from '../../shared/embedded/fetchNatsServer.ts';
import { startNatsServer } from '../../shared/embedded/natsServer.ts';
import type { CleanUp, TestNats } from './nats.ts';

const host = '127.0.0.1';

/** Three NATS servers that make one cluster, of one test's own. JetStream answers. */
export async function startTestNatsCluster(t: CleanUp): Promise<Pick<TestNats, 'url' | 'user' | 'password'>> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-nats-'));
  const { path: binary } = await findOrFetchNatsServer({ progress: (line) => console.error(line) });
  const login = { user: 'flotilla', password: randomBytes(16).toString('hex') };
  const ports = await Promise.all([1, 2, 3].map(() => choosePort(host)));
  const routes = ports.map((port) => `${host}:${port}`);
  const starting = ports.map((port, index) => {
    const cluster = { name: 'test', host, port, routes };
    const own = { dir: join(dir, String(index)), serverName: `s${index}`, cluster };
    return startNatsServer({ binary, ...login, ...own, timeoutMs: 60_000 });
  });
  t.after(async () => {
    const outcomes = await Promise.allSettled(starting);
    await Promise.all(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value.kill()));
    await rm(dir, { recursive: true, force: true });
  });
  const servers = await Promise.all(starting);
  return { url: servers.map(({ url }) => url).join(','), ...login };
}
