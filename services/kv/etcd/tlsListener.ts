import { createServer, type Server, TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../../shared/clock/clock.ts';
import { type EtcdTlsFiles, readTlsFiles } from './tlsFiles.ts';

export interface TlsListenerOptions {
  files: EtcdTlsFiles;
  clock: Clock;
  onSocket(socket: TLSSocket): void;
  /** Told of files that cannot be used any more; the server goes on with what it had. */
  onError(error: unknown): void;
}

/** Certificates expire: what replaces them on the disk is used within so long. */
const rereadMs = 60_000;
const handshakeTimeoutMs = 30_000;
/** Who speaks both, as curl does, asks for `/health`; gRPC speaks HTTP/2 alone. */
const protocols = ['http/1.1', 'h2'];

/**
 * A server whose clients speak TLS. It reads its files again from time to time, until it is closed.
 * @throws {TlsFilesError}
 */
export async function createTlsListener({ files, clock, onSocket, onError }: TlsListenerOptions): Promise<Server> {
  let pem = await readTlsFiles(files);
  const requestCert = files.trustedCaFile !== undefined;
  const options = { ...pem, requestCert, rejectUnauthorized: requestCert, ALPNProtocols: protocols };
  const server = createServer({ ...options, handshakeTimeout: handshakeTimeoutMs, noDelay: true }, onSocket);
  let timer: unknown;
  const rereadLater = () => {
    if (server.listening) timer = clock.setTimeout(reread, rereadMs);
  };
  server.once('listening', rereadLater);
  server.once('close', () => clock.clearTimeout(timer));
  return server;

  async function reread(): Promise<void> {
    try {
      const read = await readTlsFiles(files);
      if (!isDeepStrictEqual(read, pem)) server.setSecureContext(read);
      pem = read;
    } catch (error) {
      onError(error);
    }
    rereadLater();
  }
}

/** Whom the certificate of a client is for: its common name, of several the last, as Go reads it. */
export function commonNameOf(socket: unknown): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  // There may be no certificate, and several names, which Node's types do not say.
  const certificate: { subject?: { CN?: string | string[] } } | null = socket.getPeerCertificate();
  const names = certificate?.subject?.CN;
  return Array.isArray(names) ? names.at(-1) : names;
}
