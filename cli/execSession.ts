/** This end of `flotilla exec`: keys and signals go to the node, what the command prints comes back. */
import { type Bus, NoRespondersError } from '../shared/bus/bus.ts';
import { Pipe } from '../shared/bus/pipe.ts';
import { type Clock, delay } from '../shared/clock/clock.ts';
import {
  type ExecInput,
  type ExecOutput,
  type ExecReply,
  type ExecRequest,
  execAliveMs,
  execFrameBytes,
} from '../shared/protocol/exec.ts';
import { decodeJson, encodeJson } from '../shared/protocol/json.ts';
import type { PipeMessage } from '../shared/protocol/pipe.ts';
import { subjects } from '../shared/protocol/subjects.ts';
import { FailureError } from './errors.ts';
import { isSilence, nodeGone } from './nodeGone.ts';
import type { Terminal } from './terminal.ts';

export type ExecWish = Pick<ExecRequest, 'unit' | 'argv' | 'tty' | 'interactive'>;

const startTimeoutMs = 15_000;
const aliveTimeoutMs = 3_000;
const missesForgiven = 2;

/**
 * Runs a command beside a unit; resolves with its exit code.
 * @throws {FailureError} it cannot be run, or the node is gone.
 */
export async function runExec(
  { bus, clock, by }: { bus: Bus; clock: Clock; by: string },
  machine: string,
  wish: ExecWish,
  terminal: Terminal,
): Promise<number> {
  const inbox = bus.createInbox();
  const over = new AbortController();
  let finish: (code: number) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const outcome = new Promise<number>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const onFrame = async (frame: ExecOutput) => {
    if (frame.type === 'data') await terminal.write(frame.stream, Buffer.from(frame.data, 'base64'));
    else if (frame.type === 'exit') finish(frame.code);
    else fail(new FailureError(frame.message));
  };
  const decode = (data: Uint8Array) => decodeJson<PipeMessage<ExecOutput>>(data);
  const onBroken = (error: Error) => fail(new FailureError(error.message, { cause: error }));
  // It listens before it asks: the output may be faster than the answer.
  const pipe = new Pipe<ExecInput, ExecOutput>({ bus, inbox, decode, onFrame, onBroken }, null);
  try {
    const reply = await ask(bus, machine, { ...wish, by, replyTo: inbox });
    pipe.peer = reply.input;
    if (wish.tty !== null && wish.interactive) terminal.makeRaw();
    terminal.onResize(({ columns, rows }) => void pipe.send({ type: 'resize', columns, rows }));
    terminal.onSignal((name) => void pipe.send({ type: 'signal', name }));
    if (wish.interactive) feed(pipe, terminal).catch(onBroken);
    stayAlive(pipe, clock, machine, over.signal).catch(fail);
    return await outcome;
  } finally {
    over.abort();
    pipe.close();
    terminal.restore();
  }
}

async function ask(bus: Bus, machine: string, request: ExecRequest): Promise<Extract<ExecReply, { ok: true }>> {
  try {
    const answer = await bus.request(subjects.exec(machine), encodeJson(request), { timeoutMs: startTimeoutMs });
    const reply = decodeJson<ExecReply>(answer.data);
    if (reply.ok) return reply;
    throw new FailureError(reply.message);
  } catch (error) {
    throw nodeGone(machine, error);
  }
}

async function feed(pipe: Pipe<ExecInput, ExecOutput>, terminal: Terminal): Promise<void> {
  for await (const chunk of terminal.input()) {
    for (let at = 0; at < chunk.length; at += execFrameBytes) {
      const data = Buffer.from(chunk.subarray(at, at + execFrameBytes)).toString('base64');
      await pipe.send({ type: 'data', data });
    }
  }
  await pipe.send({ type: 'eof' });
}

/** Shows the node that somebody waits; rejects when the node is gone. */
async function stayAlive(
  pipe: Pipe<ExecInput, ExecOutput>,
  clock: Clock,
  machine: string,
  over: AbortSignal,
): Promise<void> {
  for (let misses = 0; !over.aborted; ) {
    await delay(clock, execAliveMs, over);
    if (over.aborted) return;
    try {
      await pipe.askAlive(aliveTimeoutMs);
      misses = 0;
    } catch (error) {
      misses += 1;
      if (over.aborted) return;
      if (!isSilence(error)) throw error;
      if (error instanceof NoRespondersError || misses > missesForgiven) throw nodeGone(machine, error);
    }
  }
}
