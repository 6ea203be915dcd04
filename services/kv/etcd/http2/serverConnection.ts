import type { Socket } from 'node:net';
import { Credit } from './credit.ts';
import type { FlushTurns } from './flushTurns.ts';
import { FrameParser } from './frameParser.ts';
import { FrameSender } from './frameSender.ts';
import { frame, numberFrame, settingsFrame } from './frames.ts';
import { HeaderDecoder, maxHeaderListBytes } from './headerDecoder.ts';
import {
  ConnectionError,
  defaultMaxFrameBytes,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  largestWindow,
  Setting,
} from './protocol.ts';
import { Pulse } from './pulse.ts';
import { areTrailers, isRequest, RequestHeaders } from './requestHeaders.ts';
import { ServerStream } from './serverStream.ts';

/** More calls at a time wait at the client. */
const maxConcurrentStreams = 4_096;
/** Bytes of a request, and of all requests of a connection, that may be on their way. */
const streamWindow = 1024 * 1024;
const connectionWindow = 16 * 1024 * 1024;

/** A header block that comes in several frames. */
interface HeaderBlock {
  stream: number;
  endStream: boolean;
  parts: Buffer[];
  bytes: number;
}

/**
 * The server's side of one HTTP/2 connection (RFC 9113) with a client that knows that it speaks HTTP/2: without
 * priorities, without pushing. What a client does wrong on a stream costs it the stream; else, the connection.
 */
export class ServerConnection {
  readonly #socket: Socket;
  readonly #onStream: (stream: ServerStream) => void;
  readonly #streams = new Map<number, ServerStream>();
  readonly #sender: FrameSender;
  readonly #decoder = new HeaderDecoder();
  /** Each part of a request gives its credit back at once, whereby its client hears that it has come: see {@link Pulse}. */
  readonly #credit = new Credit(connectionWindow, 1, (bytes) =>
    this.#sender.send(numberFrame(FrameType.WindowUpdate, 0, bytes)),
  );
  readonly #pulse = new Pulse(() => {
    this.#sender.send(frame(FrameType.Ping, 0, 0, Buffer.alloc(8)));
    // By itself: what waits for its turn to be written comes when it comes.
    this.#sender.flush();
  });
  #lastStream = 0;
  /** What comes after it is not looked at. */
  #lastTaken = 0;
  #retired = false;
  /** Of new streams, bytes that the client takes. */
  #initialSendWindow = defaultWindow;
  #block: HeaderBlock | null = null;

  constructor(socket: Socket, flushes: FlushTurns, onStream: (stream: ServerStream) => void, onClosed: () => void) {
    this.#socket = socket;
    this.#onStream = onStream;
    this.#sender = new FrameSender(socket, flushes, (stream) => this.#streams.delete(stream.id));
    const parser = new FrameParser((type, flags, stream, payload) => this.#take(type, flags, stream, payload));
    socket.on('close', () => {
      for (const stream of this.#streams.values()) stream.close();
      onClosed();
    });
    this.#greet();
    socket.on('data', (chunk: Buffer) => {
      try {
        if (!socket.destroyed && !socket.writableEnded) parser.push(chunk);
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        this.#fail(error);
      }
    });
    socket.resume();
  }

  /** Says that it takes no more requests (section 6.8); those that have come are answered. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#sayGoodbye(ErrorCode.NoError);
  }

  /** Closes it as soon as what was answered has been sent. */
  end(): void {
    this.#sender.flush();
    this.#socket.destroySoon();
  }

  #greet(): void {
    this.#sender.send(
      settingsFrame([
        [Setting.MaxConcurrentStreams, maxConcurrentStreams],
        [Setting.InitialWindowSize, streamWindow],
        [Setting.MaxHeaderListSize, maxHeaderListBytes],
      ]),
    );
    this.#sender.send(numberFrame(FrameType.WindowUpdate, 0, connectionWindow - defaultWindow));
  }

  #fail({ code }: ConnectionError): void {
    this.#sayGoodbye(code);
    this.#socket.destroySoon();
  }

  #sayGoodbye(code: number): void {
    this.#sender.send(numberFrame(FrameType.GoAway, 0, this.#lastTaken, code));
    this.#sender.flush();
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#block !== null && (type !== FrameType.Continuation || id !== this.#block.stream)) {
      throw protocolError('a header block was left off');
    }
    switch (type) {
      case FrameType.Data:
        return this.#takeData(flags, id, payload);
      case FrameType.Headers:
        return this.#takeHeaders(flags, id, payload);
      case FrameType.Continuation:
        return this.#takeContinuation(flags, payload);
      case FrameType.RstStream:
        return this.#takeReset(id, payload);
      case FrameType.Settings:
        return this.#takeSettings(flags, id, payload);
      case FrameType.Ping:
        return this.#takePing(flags, id, payload);
      case FrameType.WindowUpdate:
        return this.#takeWindowUpdate(id, payload);
      case FrameType.PushPromise:
        throw protocolError('a client does not push');
      // Priorities are not used, a client that goes away closes its connection, and what is unknown is passed over.
    }
  }

  #takeData(flags: number, id: number, payload: Buffer): void {
    if (!this.#credit.use(payload.length)) throw new ConnectionError(ErrorCode.FlowControlError, 'more than allowed');
    this.#credit.giveBack(payload.length);
    this.#pulse.beat();
    const body = unpadded(flags, payload);
    const stream = this.#streamOf(id);
    if (stream === undefined) return;
    if (stream.receivedAll) return stream.reset(ErrorCode.StreamClosed);
    const isLast = (flags & Flag.EndStream) !== 0;
    if (!stream.accept(body, payload.length, isLast)) stream.reset(ErrorCode.FlowControlError);
  }

  #takeHeaders(flags: number, id: number, payload: Buffer): void {
    if (id % 2 === 0) throw protocolError('a client opens odd streams');
    const content = unpadded(flags, payload);
    const priorityBytes = flags & Flag.Priority ? 5 : 0;
    if (content.length < priorityBytes) throw frameSizeError();
    const endStream = (flags & Flag.EndStream) !== 0;
    this.#block = { stream: id, endStream, parts: [], bytes: 0 };
    this.#takeContinuation(flags, content.subarray(priorityBytes));
  }

  #takeContinuation(flags: number, part: Buffer): void {
    if (this.#block === null) throw protocolError('nothing is to be continued');
    this.#block.parts.push(part);
    this.#block.bytes += part.length;
    // Parts may be empty: so many of them are no headers either.
    if (this.#block.bytes > maxHeaderListBytes || this.#block.parts.length > 64) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too many headers');
    }
    if ((flags & Flag.EndHeaders) === 0) return;
    const { stream, endStream, parts } = this.#block;
    this.#block = null;
    this.#takeBlock(stream, endStream, parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
  }

  #takeBlock(id: number, endStream: boolean, block: Buffer): void {
    const fields = this.#decoder.decode(block);
    const known = this.#streams.get(id);
    if (known !== undefined) {
      if (!endStream || known.receivedAll || !areTrailers(fields)) return known.reset(ErrorCode.ProtocolError);
      return known.acceptEnd();
    }
    // Sent before the client knew that the stream was over.
    if (id <= this.#lastStream) return;
    this.#lastStream = id;
    // Sent before it knew that no more are taken.
    if (this.#retired) return;
    this.#lastTaken = id;
    const windows = { send: this.#initialSendWindow, receive: streamWindow };
    const stream = new ServerStream(id, new RequestHeaders(fields), this.#sender, windows);
    if (!isRequest(fields)) return stream.reset(ErrorCode.ProtocolError);
    if (this.#streams.size >= maxConcurrentStreams) return stream.reset(ErrorCode.RefusedStream);
    this.#streams.set(id, stream);
    this.#onStream(stream);
    if (endStream) stream.acceptEnd();
  }

  #takeReset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw frameSizeError();
    this.#streamOf(id)?.close();
  }

  #takeSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocolError('settings are of the connection');
    if (payload.length % 6 !== 0 || (flags & Flag.Ack && payload.length > 0)) throw frameSizeError();
    if (flags & Flag.Ack) return;
    const windowBefore = this.#initialSendWindow;
    for (let offset = 0; offset < payload.length; offset += 6) {
      this.#takeSetting(payload.readUInt16BE(offset), payload.readUInt32BE(offset + 2));
    }
    // Once for all of them, as there may be many, of many streams.
    const more = this.#initialSendWindow - windowBefore;
    if (more !== 0) {
      for (const stream of this.#streams.values()) stream.sendWindow = enlarged(stream.sendWindow, more);
    }
    this.#sender.send(frame(FrameType.Settings, Flag.Ack, 0));
    this.#sender.resume();
  }

  #takeSetting(setting: number, value: number): void {
    if (setting === Setting.HeaderTableSize) this.#sender.limitTable(value);
    if (setting === Setting.EnablePush && value > 1) throw protocolError('pushing is on or off');
    if (setting === Setting.MaxFrameSize && (value < defaultMaxFrameBytes || value >= 2 ** 24)) {
      throw protocolError(`frames of ${value} bytes`);
    }
    if (setting !== Setting.InitialWindowSize) return;
    if (value > largestWindow) throw new ConnectionError(ErrorCode.FlowControlError, `a window of ${value} bytes`);
    this.#initialSendWindow = value;
  }

  #takePing(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocolError('a ping is of the connection');
    if (payload.length !== 8) throw frameSizeError();
    if ((flags & Flag.Ack) !== 0) this.#pulse.answered();
    else this.#sender.send(frame(FrameType.Ping, Flag.Ack, 0, payload));
  }

  #takeWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw frameSizeError();
    const more = payload.readUInt32BE(0) & 0x7fffffff;
    if (id === 0) {
      if (more === 0) throw protocolError('a window grows by something');
      this.#sender.window = enlarged(this.#sender.window, more);
    } else {
      const stream = this.#streamOf(id);
      if (stream === undefined) return;
      if (more === 0) return stream.reset(ErrorCode.ProtocolError);
      if (stream.sendWindow + more > largestWindow) return stream.reset(ErrorCode.FlowControlError);
      stream.sendWindow += more;
      return this.#sender.resumeOne(stream);
    }
    this.#sender.resume();
  }

  /** Undefined: it is over. @throws {ConnectionError} it never was. */
  #streamOf(id: number): ServerStream | undefined {
    if (id === 0 || id % 2 === 0 || id > this.#lastStream) throw protocolError(`nothing was opened as ${id}`);
    return this.#streams.get(id);
  }
}

function enlarged(window: number, more: number): number {
  if (window + more > largestWindow) throw new ConnectionError(ErrorCode.FlowControlError, 'a window is too large');
  return window + more;
}

/** Section 6.1: what stands between the length of the padding and the padding. */
function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.Padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined) throw frameSizeError();
  if (padding >= payload.length) throw protocolError('more padding than payload');
  return payload.subarray(1, payload.length - padding);
}

function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.ProtocolError, message);
}

function frameSizeError(): ConnectionError {
  return new ConnectionError(ErrorCode.FrameSizeError, 'a frame of the wrong size');
}
