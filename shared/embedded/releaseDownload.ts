import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './runCommand.ts';

/** The release that is downloaded, and tested with. */
export const natsRelease = '2.12.6';

/** Where the NATS authors publish; a mirror has the same layout. */
export const officialReleases = 'https://github.com/nats-io/nats-server/releases/download';

/** The release cannot be had, or is not what its authors published; the message says why. */
export class ReleaseDownloadError extends Error {
  override readonly name = 'ReleaseDownloadError';
}

export interface ReleaseDownloadOptions {
  /** Where to work; the caller removes it. */
  dir: string;
  releasesUrl: string;
  progress: (line: string) => void;
}

/** How long a server may take to answer at all: a machine without internet must not wait for it. */
const answerTimeoutMs = 5_000;
const transferTimeoutMs = 180_000;

/**
 * Downloads the official release for this machine, checks it against the checksums that its authors published with it,
 * and unpacks it. Resolves with the program's path.
 * @throws {ReleaseDownloadError}
 */
export async function downloadRelease({ dir, releasesUrl, progress }: ReleaseDownloadOptions): Promise<string> {
  const name = `nats-server-v${natsRelease}-${goPlatform()}-${goArchitecture()}`;
  const archive = `${name}${process.platform === 'win32' ? '.zip' : '.tar.gz'}`;
  const base = `${releasesUrl}/v${natsRelease}`;
  const expected = checksumOf(archive, new TextDecoder().decode(await download(`${base}/SHA256SUMS`)));
  progress(`downloading ${base}/${archive}`);
  const data = await download(`${base}/${archive}`, progress);
  const actual = createHash('sha256').update(data).digest('hex');
  if (actual !== expected) {
    throw new ReleaseDownloadError(`${archive} has the SHA-256 ${actual}, but SHA256SUMS says ${expected}`);
  }
  const file = join(dir, archive);
  await writeFile(file, data);
  // bsdtar, the tar of Windows and macOS, reads zip files too.
  await runCommand('tar', ['-xf', file, '-C', dir], { timeoutMs: 60_000 });
  return join(dir, name, process.platform === 'win32' ? 'nats-server.exe' : 'nats-server');
}

/** What a file of `sha256sum` lines says about one file. */
function checksumOf(file: string, sums: string): string {
  for (const line of sums.split('\n')) {
    const [, sum, name] = /^([0-9a-f]{64})\s+\*?(\S+)$/.exec(line.trim()) ?? [];
    if (name === file && sum !== undefined) return sum;
  }
  throw new ReleaseDownloadError(`the release's SHA256SUMS does not name ${file}: there is none for this machine`);
}

async function download(url: string, progress?: (line: string) => void): Promise<Uint8Array> {
  const noAnswer = new AbortController();
  const timer = setTimeout(
    () => noAnswer.abort(new Error(`no answer in ${answerTimeoutMs / 1000} s`)),
    answerTimeoutMs,
  );
  try {
    const signal = AbortSignal.any([noAnswer.signal, AbortSignal.timeout(transferTimeoutMs)]);
    const response = await fetch(url, { signal });
    clearTimeout(timer);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await readBody(response, progress);
  } catch (cause) {
    throw new ReleaseDownloadError(`${url} cannot be downloaded`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function readBody(response: Response, progress?: (line: string) => void): Promise<Uint8Array> {
  const total = Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let received = 0;
  let told = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    received += chunk.length;
    if (received - told < 4 << 20) continue;
    told = received;
    progress?.(`downloaded ${megabytes(received)}${total > 0 ? ` of ${megabytes(total)}` : ''}`);
  }
  return Buffer.concat(chunks);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Releases are named with Go's words for systems and processors. */
function goPlatform(): string {
  return process.platform === 'win32' ? 'windows' : process.platform;
}

function goArchitecture(): string {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386', arm: 'arm7' };
  return names[process.arch] ?? process.arch;
}
