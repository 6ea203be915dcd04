import { UsageError } from './errors.ts';

/**
 * `host:port`, with a host in brackets where it is an IPv6 address.
 * @throws {UsageError}
 */
export function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new UsageError(`--listen: "${text}" is not of the form host:port, such as 127.0.0.1:2379`);
  return { host, port: Number(port) };
}
