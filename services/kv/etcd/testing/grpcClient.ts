import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { FrameReader } from '../grpc/frameReader.ts';
import { GrpcStatus } from '../grpc/grpcStatus.ts';
import type { Method, Sendable } from '../wire/codec.ts';
import { ProtoReader } from '../wire/protoReader.ts';
import { ProtoWriter } from '../wire/protoWriter.ts';

const maxResponseBytes = 512 * 1024 * 1024;

/** A gRPC client as plain as can be: it hides nothing of what a server says, and never tries again. */
export class GrpcClient {
  readonly #session: ClientHttp2Session;

  constructor(port: number) {
    this.#session = connect(`http://127.0.0.1:${port}`);
    this.#session.on('error', () => {});
  }

  /** Resolves when the server says that it takes no more calls. */
  async dismissed(): Promise<void> {
    await once(this.#session, 'goaway');
  }

  /** One request and its response, or how it ended without one. */
  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Sendable<Request>,
    metadata: Record<string, string> = {},
  ): Promise<Response | GrpcStatus> {
    const stream = this.open(method, metadata);
    stream.send(request);
    stream.halfClose();
    const responses = await stream.all();
    return responses[0] ?? stream.status ?? new GrpcStatus(2, 'no response');
  }

  open<Request, Response>(method: Method<Request, Response>, metadata: Record<string, string> = {}) {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    });
    return new ClientStream(stream, method);
  }

  close(): void {
    this.#session.destroy();
  }
}

/** A call whose messages are sent and taken one by one. */
export class ClientStream<Request, Response> {
  readonly #stream: ClientHttp2Stream;
  readonly #method: Method<Request, Response>;
  readonly #frames = new FrameReader(maxResponseBytes);
  readonly #received: Response[] = [];
  #wake: () => void = () => {};
  #ended = false;
  status: GrpcStatus | null = null;

  constructor(stream: ClientHttp2Stream, method: Method<Request, Response>) {
    this.#stream = stream;
    this.#method = method;
    stream.on('response', (headers) => this.#end(headers));
    stream.on('trailers', (headers) => {
      this.#end(headers);
      stream.end();
    });
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', () => {});
    stream.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  send(request: Sendable<Request>): void {
    const writer = new ProtoWriter();
    this.#method.request.write(writer, request);
    writer.frame();
    this.sendBytes(writer.finish());
  }

  /** Bytes as they are, a message or not. */
  sendBytes(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Reads no more, so that the server's flow control sets in. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** The next message; null: the call has ended. */
  async next(): Promise<Response | null> {
    while (this.#received.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.shift() ?? null;
  }

  /** Every message until the call ends. */
  async all(): Promise<Response[]> {
    const responses: Response[] = [];
    for (let next = await this.next(); next !== null; next = await this.next()) responses.push(next);
    return responses;
  }

  #take(chunk: Buffer): void {
    this.#frames.push(chunk);
    for (let frame = this.#frames.next(); frame instanceof Buffer; frame = this.#frames.next()) {
      this.#received.push(this.#method.response.read(new ProtoReader(frame)));
    }
    this.#wake();
  }

  #end(headers: Record<string, unknown>): void {
    const code = headers['grpc-status'];
    if (code === undefined) return;
    this.status = new GrpcStatus(Number(code), decodeURIComponent(String(headers['grpc-message'] ?? '')));
  }
}
