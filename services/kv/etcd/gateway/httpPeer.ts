import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { StreamCall } from '../grpc/call.ts';
import { GrpcCode, GrpcStatus } from '../grpc/grpcStatus.ts';
import type { Peer } from '../grpc/route.ts';
import { sendJson } from '../httpResponses.ts';
import type { Codec, Sendable } from '../wire/codec.ts';
import { JsonMessageError, readJsonMessage, writeJsonMessage } from '../wire/jsonFields.ts';
import { ProtoWriter } from '../wire/protoWriter.ts';
import { jsonTexts } from './jsonTexts.ts';

/** grpc-gateway's HTTP status for each status of gRPC; 500 where there is none. */
const httpStatuses: Readonly<Record<number, number>> = {
  [GrpcCode.Ok]: 200,
  [GrpcCode.Cancelled]: 408,
  [GrpcCode.InvalidArgument]: 400,
  [GrpcCode.NotFound]: 404,
  [GrpcCode.PermissionDenied]: 403,
  [GrpcCode.ResourceExhausted]: 429,
  [GrpcCode.FailedPrecondition]: 400,
  [GrpcCode.OutOfRange]: 400,
  [GrpcCode.Unimplemented]: 501,
  [GrpcCode.Unavailable]: 503,
  [GrpcCode.Unauthenticated]: 401,
};

const writer = new ProtoWriter();

/** A client of the gateway: one HTTP request, whose body has come whole, and its response. */
export class HttpPeer implements Peer {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #body: string | GrpcStatus;
  readonly #streams: boolean;

  /**
   * @param body a status: why it is refused
   * @param streams whether its answer is a line for each message, or one message
   */
  constructor(request: IncomingMessage, response: ServerResponse, body: string | GrpcStatus, streams: boolean) {
    this.#request = request;
    this.#response = response;
    this.#body = body;
    this.#streams = streams;
  }

  *requests<Request>(codec: Codec<Request>): Generator<Buffer | GrpcStatus> {
    if (this.#body instanceof GrpcStatus) return yield this.#body;
    try {
      for (const text of jsonTexts(this.#body)) yield messageOf(codec, JSON.parse(text));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof JsonMessageError)) throw error;
      yield new GrpcStatus(GrpcCode.InvalidArgument, error.message);
    }
  }

  call<Response>(codec: Codec<Response>): JsonCall<Response> {
    return new JsonCall(this.#request, this.#response, codec, this.#streams);
  }
}

/** What gRPC would have sent. */
function messageOf<Request>(codec: Codec<Request>, json: unknown): Buffer {
  const message = readJsonMessage(codec.json(), json) as Sendable<Request>;
  try {
    codec.write(writer, message);
    return writer.finish();
  } catch (error) {
    writer.discard();
    throw error;
  }
}

class JsonCall<Response> implements StreamCall<Response> {
  /** As with etcd, certificates name nobody here. */
  readonly user = undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #codec: Codec<Response>;
  readonly #streams: boolean;
  readonly #socket: Socket;
  readonly #leave = () => this.#close();
  #closed = false;
  #onClosed: (() => void)[] = [];

  constructor(request: IncomingMessage, response: ServerResponse, codec: Codec<Response>, streams: boolean) {
    this.#request = request;
    this.#response = response;
    this.#codec = codec;
    this.#streams = streams;
    this.#socket = request.socket;
    // Of a response that waits for the one before it nobody is told that it will never be sent.
    if (this.#socket.destroyed) this.#closed = true;
    else this.#socket.once('close', this.#leave);
  }

  metadata(name: string): string | undefined {
    const { headers } = this.#request;
    const value = headers[`grpc-metadata-${name}`] ?? (name === 'authorization' ? headers.authorization : undefined);
    return typeof value === 'string' ? value : value?.[0];
  }

  get closed(): boolean {
    return this.#closed;
  }

  onClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClosed.push(listener);
  }

  send(message: Sendable<Response>): boolean {
    if (this.#closed) return false;
    const json = writeJsonMessage(this.#codec.json(), message as object);
    if (!this.#streams) {
      sendJson(this.#response, 200, json);
      this.#close();
      return true;
    }
    this.#begin(200);
    return this.#response.write(`${JSON.stringify({ result: json })}\n`);
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  /** Resolves when its client has taken what was sent, or has gone. */
  async whenRoom(): Promise<void> {
    if (this.#closed || !this.#response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      this.#response.once('drain', resolve);
      this.onClosed(resolve);
    });
  }

  end({ code, message }: GrpcStatus = new GrpcStatus(GrpcCode.Ok, '')): void {
    if (this.#closed) return;
    const status = httpStatuses[code] ?? 500;
    if (code === GrpcCode.Ok) {
      this.#begin(status);
      this.#response.end();
    } else if (this.#streams) {
      this.#begin(status);
      this.#response.end(`${JSON.stringify({ error: { grpc_code: code, http_code: status, message } })}\n`);
    } else sendJson(this.#response, status, { error: message, code, message });
    this.#close();
  }

  #begin(status: number): void {
    if (!this.#response.headersSent) this.#response.writeHead(status, { 'content-type': 'application/json' });
  }

  #close(): void {
    this.#closed = true;
    this.#socket.off('close', this.#leave);
    for (const listener of this.#onClosed.splice(0)) listener();
  }
}
