import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** PEM files with etcd's names for them (etcd's documentation, "Transport security model"). */
export interface EtcdTlsFiles {
  /** The server's certificate, behind it those between it and its authority. */
  certFile: string;
  keyFile: string;
  /** Absent: clients need no certificate; else one of these authorities'. */
  trustedCaFile?: string;
}

/** The message names every file that cannot be used, and why. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

type Pem = Required<Pick<SecureContextOptions, 'cert' | 'key'>> & Pick<SecureContextOptions, 'ca'>;

/** What the files hold now. @throws {TlsFilesError} no server could be started with them. */
export async function readTlsFiles({ certFile, keyFile, trustedCaFile }: EtcdTlsFiles): Promise<Pem> {
  const problems: string[] = [];
  const read = async <Parsed>(option: string, file: string, parse: (text: string) => Parsed) => {
    try {
      const text = await readFile(file, 'utf8');
      return { text, parsed: parse(text) };
    } catch (error) {
      problems.push(`--${option} ${file}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  };
  const cert = await read('cert-file', certFile, certificates);
  const key = await read('key-file', keyFile, createPrivateKey);
  const ca = trustedCaFile === undefined ? null : await read('trusted-ca-file', trustedCaFile, authorities);
  if (cert && key && !cert.parsed.checkPrivateKey(key.parsed)) {
    problems.push(`--key-file ${keyFile} is not the key of the certificate in --cert-file ${certFile}`);
  }
  if (!cert || !key || problems.length > 0) throw new TlsFilesError(`TLS cannot be served: ${problems.join('; ')}`);
  return { cert: cert.text, key: key.text, ...(ca ? { ca: ca.text } : {}) };
}

/** The first of them; the others have to be some, too. */
function certificates(text: string): X509Certificate {
  createSecureContext({ cert: text });
  return new X509Certificate(text);
}

function authorities(text: string): void {
  createSecureContext({ ca: text });
  new X509Certificate(text);
}
