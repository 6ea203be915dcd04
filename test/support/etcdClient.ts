/** A bare client of etcd's API, whichever program serves it. */
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import { KVService } from '../../services/kv/etcd/messages.ts';
import type { Method, Sendable } from '../../services/kv/etcd/wire/codec.ts';
import { ProtoReader } from '../../services/kv/etcd/wire/protoReader.ts';
import { ProtoWriter } from '../../services/kv/etcd/wire/protoWriter.ts';
import { until } from './until.ts';

export interface EtcdClient {
  /** Rejects with grpc-js's `ServiceError`: `code`, and `details` with the server's text. */
  call<Request, Response>(
    method: Method<Request, Response>,
    request: Sendable<Request>,
    options?: { timeoutMs?: number },
  ): Promise<Response>;
  stream<Request, Response>(method: Method<Request, Response>): ClientDuplexStream<Sendable<Request>, Response>;
  close(): void;
}

const defaultTimeoutMs = 10_000;
/** What a server has to say is longer than grpc-js would take by itself. */
const maxMessageBytes = 64 * 1024 * 1024;

/** @param address `host:port`; it connects at the first call, and again whenever it has to. */
export function createEtcdClient(address: string): EtcdClient {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 300,
    'grpc.max_receive_message_length': maxMessageBytes,
    // Clients that share a process must not share a connection.
    'grpc.use_local_subchannel_pool': 1,
  });
  const writer = new ProtoWriter();
  return {
    call: (method, request, { timeoutMs = defaultTimeoutMs } = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          method.path,
          (message: typeof request) => encode(writer, method, message),
          (data) => method.response.read(new ProtoReader(data)),
          request,
          new Metadata(),
          { deadline: Date.now() + timeoutMs },
          (error, response) => {
            if (error) reject(error);
            else if (response === undefined) reject(new Error(`${method.path} answered nothing`));
            else resolve(response);
          },
        );
      }),
    stream: (method) =>
      client.makeBidiStreamRequest(
        method.path,
        (message: Parameters<typeof method.request.write>[1]) => encode(writer, method, message),
        (data) => method.response.read(new ProtoReader(data)),
      ),
    close: () => client.close(),
  };
}

function encode<Request>(writer: ProtoWriter, method: Method<Request, unknown>, message: Sendable<Request>): Buffer {
  method.request.write(writer, message);
  return writer.finish();
}

/** Resolves when a linearizable read is answered. */
export function untilItAnswers(client: EtcdClient, timeoutMs = 120_000): Promise<boolean> {
  const answers = () =>
    client.call(KVService.Range, { key: 'is anybody there' }, { timeoutMs: 2_000 }).then(
      () => true,
      () => false,
    );
  return until('the store answers', answers, timeoutMs);
}
