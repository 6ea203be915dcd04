import type { JsonFields } from './jsonFields.ts';
import type { ProtoReader } from './protoReader.ts';
import type { ProtoWriter } from './protoWriter.ts';

/** What is sent of a message: what it leaves out has its default. */
export type Sendable<T> = T extends readonly (infer Item)[]
  ? readonly Sendable<Item>[]
  : T extends object
    ? { [Field in keyof T]?: Sendable<T[Field]> | undefined }
    : T;

/** How a message looks on the wire. */
export interface Codec<T> {
  /** Reads to the end of the reader's current message. */
  read(reader: ProtoReader): T;
  write(writer: ProtoWriter, message: Sendable<T>): void;
  /** How it looks in JSON. */
  readonly json: () => JsonFields;
}

/** One remote procedure. */
export interface Method<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}
