import type { IncomingMessage, ServerResponse } from 'node:http';
import { GrpcCode, GrpcStatus } from '../grpc/grpcStatus.ts';
import type { Peer } from '../grpc/route.ts';
import type { Codec, Sendable } from '../wire/codec.ts';
import { JsonMessageError, readJsonMessage, writeJsonMessage } from '../wire/jsonFields.ts';
import { ProtoWriter } from '../wire/protoWriter.ts';
import { parseJsonTexts } from './jsonTexts.ts';

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

/** A client of the gateway: one HTTP request, whose body has come whole, and its response. */
export class HttpPeer implements Peer {
  /** As with etcd, certificates name nobody here. */
  readonly user = undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #body: string;
  readonly #streams: boolean;

  /** @param streams whether its answer is a line for each message, or one message. */
  constructor(request: IncomingMessage, response: ServerResponse, body: string, streams: boolean) {
    this.#request = request;
    this.#response = response;
    this.#body = body;
    this.#streams = streams;
  }

  metadata(name: string): string | undefined {
    const { headers } = this.#request;
    const value = name === 'authorization' ? headers.authorization : headers[`grpc-metadata-${name}`];
    return typeof value === 'string' ? value : value?.[0];
  }

  get closed(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  onClosed(listener: () => void): void {
    this.#response.once('close', listener);
  }

  requests<Request>(codec: Codec<Request>): readonly Buffer[] | GrpcStatus {
    try {
      const writer = new ProtoWriter();
      return parseJsonTexts(this.#body).map((json) => {
        codec.write(writer, readJsonMessage(codec.json(), json) as Sendable<Request>);
        return writer.finish();
      });
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof JsonMessageError)) throw error;
      return new GrpcStatus(GrpcCode.InvalidArgument, error.message);
    }
  }

  send<Response>(codec: Codec<Response>, response: Sendable<Response>): boolean {
    if (this.closed) return false;
    const message = writeJsonMessage(codec.json(), response as object);
    if (!this.#streams) {
      this.#finish(200, message);
      return true;
    }
    this.#begin(200);
    return this.#response.write(`${JSON.stringify({ result: message })}\n`);
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  end(status: GrpcStatus = new GrpcStatus(GrpcCode.Ok, '')): void {
    if (this.closed) return;
    const { code, message } = status;
    if (code === GrpcCode.Ok) {
      this.#begin(200);
      return void this.#response.end();
    }
    const httpCode = httpStatuses[code] ?? 500;
    if (!this.#streams) return this.#finish(httpCode, { error: message, code, message });
    this.#begin(httpCode);
    this.#response.end(`${JSON.stringify({ error: { grpc_code: code, http_code: httpCode, message } })}\n`);
  }

  #finish(status: number, body: object): void {
    const text = `${JSON.stringify(body)}\n`;
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    this.#response.writeHead(status, headers).end(text);
  }

  #begin(status: number): void {
    if (!this.#response.headersSent) this.#response.writeHead(status, { 'content-type': 'application/json' });
  }
}
