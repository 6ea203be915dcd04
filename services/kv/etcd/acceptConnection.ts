import type { Socket } from 'node:net';

/** How every HTTP/2 connection begins (RFC 9113, "HTTP/2 Connection Preface"), and no HTTP/1.1 request does. */
const preface = Buffer.from('PRI ');
/** A client that says nothing for so long has nothing to say. */
const silenceMs = 30_000;

/** Gives a connection to whoever speaks its protocol, which its first bytes tell. */
export function acceptConnection(
  socket: Socket,
  { http1, http2 }: { http1: (socket: Socket) => void; http2: (socket: Socket) => void },
): void {
  const ignore = () => socket.destroy();
  let seen = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', ignore);
  socket.setTimeout(silenceMs, ignore);
  socket.on('data', listen);
  function listen(chunk: Buffer) {
    seen = Buffer.concat([seen, chunk]);
    const isHttp2 = preface.subarray(0, seen.length).equals(seen.subarray(0, preface.length));
    if (isHttp2 && seen.length < preface.length) return;
    socket.off('data', listen);
    socket.pause();
    socket.setTimeout(0, ignore);
    socket.unshift(seen);
    if (isHttp2) return http2(socket);
    http1(socket);
    socket.resume();
  }
}
