import { networkInterfaces } from 'node:os';

/** The first address that is not the loopback's; 127.0.0.1 on a machine without one. */
export function primaryIp(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}
