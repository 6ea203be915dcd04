/** Runs commands beside this machine's units for who asks over the bus: `flotilla exec`. */
import type { Bus, Subscription } from '../../shared/bus/bus.ts';
import { Pipe } from '../../shared/bus/pipe.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import { LinkedController } from '../../shared/clock/linkedController.ts';
import {
  type ExecInput,
  type ExecOutput,
  type ExecReply,
  type ExecRequest,
  execAliveMs,
  execFrameBytes,
} from '../../shared/protocol/exec.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { parseExecMessage, parseExecRequest } from './parseMessages.ts';
import { type Session, StartError } from './runtime/runtime.ts';

export interface ExecServiceOptions {
  machine: string;
  bus: Bus;
  clock: Clock;
  /** @throws {StartError} the unit does not run here, or the command cannot be started. */
  open: (request: ExecRequest) => Promise<Session>;
  /** Told of each command that was started. */
  onStarted: (request: ExecRequest) => void;
  onError: (error: unknown) => void;
}

/** Returns what ends the service, and all commands with it. */
export function serveExecs(options: ExecServiceOptions): Subscription {
  const { machine, bus, onError } = options;
  const over = new AbortController();
  const subscription = bus.subscribe(subjects.exec(machine), (message) => {
    const request = parseExecRequest(message.data, onError);
    if (!request) return;
    answer(options, request, over.signal, (reply) => message.respond(encodeJson(reply))).catch(onError);
  });
  return {
    unsubscribe() {
      subscription.unsubscribe();
      over.abort();
    },
  };
}

async function answer(
  options: ExecServiceOptions,
  request: ExecRequest,
  over: AbortSignal,
  respond: (reply: ExecReply) => void,
): Promise<void> {
  let session: Session;
  try {
    session = await options.open(request);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return respond({ ok: false, message: error.message });
  }
  options.onStarted(request);
  const inbox = options.bus.createInbox();
  const work = converse(options, request, session, inbox, over);
  respond({ ok: true, input: inbox });
  await work;
}

/** Carries frames between the command and who asked for it, until one of them is gone. */
async function converse(
  { bus, clock, onError }: ExecServiceOptions,
  { replyTo }: ExecRequest,
  session: Session,
  inbox: string,
  over: AbortSignal,
): Promise<void> {
  const done = new LinkedController(over);
  const gone = done.signal;
  let heardAt = clock.monotonicNow();
  const pipe = new Pipe<ExecOutput, ExecInput>(
    {
      bus,
      inbox,
      decode: (data) => parseExecMessage(data, onError),
      onFrame: (frame) => obey(session, frame),
      onBroken: () => done.abort(),
      onHeard: () => {
        heardAt = clock.monotonicNow();
      },
    },
    replyTo,
  );
  const end = () => {
    session.abandon();
    pipe.close();
  };
  gone.addEventListener('abort', end, { once: true });
  if (gone.aborted) end();
  void watch();
  try {
    for await (const { stream, data } of session.output) {
      for (let at = 0; at < data.length; at += execFrameBytes) {
        await pipe.send({ type: 'data', stream, data: base64(data.subarray(at, at + execFrameBytes)) });
      }
      if (gone.aborted) return;
    }
    await pipe.send({ type: 'exit', code: await session.exitCode() });
  } catch (error) {
    await pipe.send({ type: 'error', message: error instanceof Error ? error.message : String(error) });
  } finally {
    done.abort();
  }

  async function watch(): Promise<void> {
    while (!gone.aborted && clock.monotonicNow() - heardAt < 4 * execAliveMs) await delay(clock, execAliveMs, gone);
    done.abort();
  }
}

async function obey(session: Session, frame: ExecInput): Promise<void> {
  switch (frame.type) {
    case 'data':
      return session.write(Buffer.from(frame.data, 'base64'));
    case 'eof':
      return session.endInput();
    case 'resize':
      return session.resize(frame);
    case 'signal':
      return session.signal(frame.name);
    default:
      return frame satisfies never;
  }
}

function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}
