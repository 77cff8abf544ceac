import { PassThrough, type Writable } from 'node:stream';
import { describe, type MemoryError, memoryError } from '../../../core';
import { checkLease, type LeasePin, type PooledBuffer } from '../pooled-buffer';
import { onceClosed } from './closing';
import { type Http2Session, type Http2Sink, http2Of, whenSent } from './http2';

/** What a lease can be written to: a socket, a file stream, a response or request of http, https and http2. */
export type PooledSink = NodeJS.WritableStream;

type Connection = NodeJS.EventEmitter & { readonly destroyed?: boolean; readonly writableFinished?: boolean };

/** What the kinds of streams have in common, as far as this file needs it. */
type Sink = Writable & {
  readonly req?: { readonly socket?: Connection } | null;
  readonly socket?: Connection | null;
  setHeader?: unknown;
};

function checkSink(what: string, stream: unknown): Sink {
  const shape = stream as Partial<Sink> | null | undefined;
  const methods = [shape?.write, shape?.end, shape?.on, shape?.once, shape?.off];
  if (!methods.every((method) => typeof method === 'function')) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${what}: a writable stream is needed, got ${describe(stream)}`);
  }
  if (stream instanceof PassThrough) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${what}: a PassThrough calls back before its bytes were read`, {
      hint: 'Write the lease to the stream behind it, or write a copy and release the lease.',
    });
  }
  return shape as Sink;
}

function gone(what: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_STATE', `${what}: the stream closed before everything was written`, {
    hint: 'The other side hung up, or the stream was destroyed; the lease was released.',
  });
}

/** True where a stream takes no more and may never say so again. */
function isGone(stream: Sink): boolean {
  if (stream.destroyed === true || stream.closed === true || stream.writableEnded === true) return true;
  return stream.socket?.destroyed === true || stream.req?.socket?.destroyed === true;
}

function wasCut(stream: Connection | Http2Sink | null | undefined): boolean {
  return stream?.destroyed === true && stream.writableFinished !== true;
}

/**
 * A lease that a stream has: pinned, and released once, when its bytes were written or never will be. Streams call back
 * for a write when the system is done with it, also after a failure; 'close' is for those that forget to.
 */
class Sending {
  private readonly lease: PooledBuffer;
  private readonly settled: (error: unknown) => void;
  private readonly http2: Http2Sink | undefined;
  private readonly session: Http2Session | undefined;
  private readonly what: string;
  private readonly forget: (() => void)[];
  private readonly pin: LeasePin;
  private open = true;
  private ended = false;

  constructor(what: string, stream: Sink, lease: PooledBuffer, settled: (error: unknown) => void) {
    this.what = what;
    this.lease = lease;
    this.settled = settled;
    this.http2 = http2Of(stream);
    this.session = this.http2?.session; // a stream that was destroyed does not know it any more
    // A response that waits behind another one on its connection hears nothing of the connection's end.
    const connection = stream.socket === null ? stream.req?.socket : undefined;
    this.pin = lease.pin();
    this.forget = [onceClosed(stream, this.onClose)];
    if (typeof connection?.once === 'function') this.forget.push(onceClosed(connection, this.onClose));
    if (this.session !== undefined) this.forget.push(onceClosed(this.session, this.onSessionClose));
  }

  readonly settle = (error?: unknown): void => {
    if (!this.open) return;
    this.open = false;
    const { http2, session } = this;
    if (session === undefined || (error === undefined && !wasCut(http2)) || http2?.writableFinished === true) {
      this.end(error);
    } else {
      whenSent(session, () => this.end(error ?? gone(this.what)));
    }
  };

  /** Nothing was written and nothing will be. */
  refuse(): void {
    this.open = false;
    this.end(gone(this.what));
  }

  private readonly onClose = (): void => this.settle(gone(this.what));

  private readonly onSessionClose = (): void => {
    this.open = false;
    this.end(gone(this.what));
  };

  private end(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    for (const forget of this.forget) forget();
    this.pin.release();
    // Pinned by somebody else too: then it is theirs to release.
    try {
      this.lease[Symbol.dispose]();
    } catch (failure) {
      this.settled(error ?? failure);
      return;
    }
    this.settled(error ?? undefined);
  }
}

function deliver(
  what: string,
  target: PooledSink,
  lease: PooledBuffer,
  write: (stream: Sink, bytes: Buffer, done: (error?: unknown) => void) => void,
): Promise<void> {
  const stream = checkSink(what, target);
  checkLease(what, lease);
  const promise = new Promise<void>((resolve, reject) => {
    const sending = new Sending(what, stream, lease, (error) => (error === undefined ? resolve() : reject(error)));
    if (isGone(stream)) {
      sending.refuse();
      return;
    }
    try {
      write(stream, lease.buffer, sending.settle);
    } catch (error) {
      sending.settle(error);
    }
  });
  // Whoever does not wait for it must not be ended by a client that hangs up.
  promise.catch(() => undefined);
  return promise;
}

/**
 * Writes a lease to a stream and takes it over: it is released, once, when the system is done with its bytes, whether they
 * were written, the write failed or the stream was destroyed. Nobody else releases it meanwhile (ERR_MEMORY_IN_USE).
 *
 * Not for streams that pass on what they got: they call back before it was used (a PassThrough is refused). A Writable of
 * one's own that is destroyed while its _write() still works has to wait for it in _destroy(), as those of Node.js do: its
 * 'close' releases the lease. With HTTP/2, whose session may go on sending parts of a stream that was destroyed, the lease
 * is released after the other side has answered a ping, or with the session.
 *
 * @returns when the bytes were written; need not be waited for. Rejects with what the stream says, and
 *   ERR_MEMORY_INVALID_STATE where it closed first
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE: the lease is as before then
 */
export function sendPooled(stream: PooledSink, lease: PooledBuffer): Promise<void> {
  return deliver('sendPooled', stream, lease, (sink, bytes, done) => {
    writeTo('sendPooled', sink, bytes, done);
  });
}

/** A socket that is destroyed calls back without an error for what it never wrote. */
function writeTo(what: string, sink: Sink, bytes: Buffer, done: (error?: unknown) => void): void {
  sink.write(bytes, (error) => done(error ?? (sink.destroyed === true ? gone(what) : undefined)));
}

/**
 * As sendPooled(), and ends the stream: `endPooled(response, lease)` answers a request with the lease as its body, with its
 * Content-Length.
 */
export function endPooled(stream: PooledSink, lease: PooledBuffer): Promise<void> {
  return deliver('endPooled', stream, lease, (sink, bytes, done) => {
    if (typeof sink.setHeader === 'function') {
      const carrier = http2Of(sink) ?? sink.socket ?? sink.req?.socket; // a response that finished has none any more
      const onEnd = (error?: unknown): void => {
        // 'finish': the last byte was handed to the system, or the connection was cut.
        done(error ?? (wasCut(carrier) ? gone('endPooled') : undefined));
      };
      sink.end(bytes, onEnd as () => void);
      return;
    }
    // The callback of end() can run before that of a write that is still under way.
    writeTo('endPooled', sink, bytes, done);
    sink.end();
  });
}

/**
 * The bytes of a lease for frameworks that send them by themselves; the lease is released when the response has finished
 * or its connection closed: `reply.send(pooledBody(reply.raw, lease))` with fastify, `ctx.body = pooledBody(ctx.res, lease)`
 * with koa.
 *
 * @param response where the bytes will go, which is listened to
 * @returns a Buffer over the lease's memory
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE: the lease is as before then
 */
export function pooledBody(response: PooledSink, lease: PooledBuffer): Buffer {
  const what = 'pooledBody';
  const stream = checkSink(what, response);
  const { buffer } = checkLease(what, lease);
  const sending = new Sending(what, stream, lease, () => stream.off('finish', onFinish));
  const onFinish = (): void => sending.settle();
  stream.once('finish', onFinish);
  if (isGone(stream)) {
    sending.refuse();
    return Buffer.alloc(0); // nobody will read it, and the memory is not ours any more
  }
  return buffer;
}
