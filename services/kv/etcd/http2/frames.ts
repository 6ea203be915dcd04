import { Flag, FrameType, frameHeaderBytes } from './protocol.ts';

/** Writes a frame's header (RFC 9113, section 4.1) into `buffer`; returns where the payload begins. */
export function writeFrameHeader(
  buffer: Buffer,
  offset: number,
  { length, type, flags, stream }: { length: number; type: number; flags: number; stream: number },
): number {
  buffer[offset] = length >>> 16;
  buffer[offset + 1] = length >>> 8;
  buffer[offset + 2] = length;
  buffer[offset + 3] = type;
  buffer[offset + 4] = flags;
  buffer.writeUInt32BE(stream, offset + 5);
  return offset + frameHeaderBytes;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const buffer = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  buffer.set(payload, writeFrameHeader(buffer, 0, { length: payload.length, type, flags, stream }));
  return buffer;
}

/** A response that fits into one frame of each kind: headers, data and trailers, to be written in one go. */
export function wholeResponse(stream: number, headers: Buffer, data: Buffer, trailers: Buffer): Buffer {
  const buffer = Buffer.allocUnsafe(3 * frameHeaderBytes + headers.length + data.length + trailers.length);
  let offset = 0;
  const put = (type: number, flags: number, payload: Buffer) => {
    const start = writeFrameHeader(buffer, offset, { length: payload.length, type, flags, stream });
    buffer.set(payload, start);
    offset = start + payload.length;
  };
  put(FrameType.Headers, Flag.EndHeaders, headers);
  put(FrameType.Data, 0, data);
  put(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, trailers);
  return buffer;
}

/** Frames whose payload is one number, or several. */
export function numberFrame(type: number, stream: number, ...numbers: number[]): Buffer {
  const payload = Buffer.allocUnsafe(4 * numbers.length);
  for (const [index, number] of numbers.entries()) payload.writeUInt32BE(number, 4 * index);
  return frame(type, 0, stream, payload);
}

export function settingsFrame(settings: readonly (readonly [setting: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(6 * settings.length);
  for (const [index, [setting, value]] of settings.entries()) {
    payload.writeUInt16BE(setting, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(FrameType.Settings, 0, 0, payload);
}
