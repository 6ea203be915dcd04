import { once } from 'node:events';
import { connect } from 'node:net';
import { frame } from '../frames.ts';
import { ErrorCode, FrameType, preface } from '../protocol.ts';

export interface ReceivedFrame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** What every client begins with. */
export const greeting = Buffer.concat([preface, frame(FrameType.Settings, 0, 0)]);

/** Sends these bytes, part by part, and half-closes; what the server sends until it closes, too. */
export async function converse(port: number, ...parts: readonly Uint8Array[]): Promise<ReceivedFrame[]> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.setNoDelay(true);
  for (const part of parts) {
    if (!socket.destroyed) socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await closed;
  return framesOf(Buffer.concat(chunks));
}

function framesOf(bytes: Buffer): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let offset = 0; offset + 9 <= bytes.length; ) {
    const end = offset + 9 + bytes.readUIntBE(offset, 3);
    const [type = 0, flags = 0] = bytes.subarray(offset + 3, offset + 5);
    frames.push({ type, flags, stream: bytes.readUInt32BE(offset + 5), payload: bytes.subarray(offset + 9, end) });
    offset = end;
  }
  return frames;
}

/** How it ended: with which error the connection, or the stream; or without one. */
export function verdictOf(frames: readonly ReceivedFrame[]): string {
  const goAway = frames.find(({ type }) => type === FrameType.GoAway);
  if (goAway) return `connection: ${nameOf(goAway.payload.readUInt32BE(4))}`;
  const reset = frames.find(({ type }) => type === FrameType.RstStream);
  return reset ? `stream ${reset.stream}: ${nameOf(reset.payload.readUInt32BE(0))}` : 'none';
}

function nameOf(code: number): string {
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
}
