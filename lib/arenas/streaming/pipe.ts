import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, memoryError } from '../../core';
import type { BufferLease } from './lease';
import type { LeaseStream } from './lease-stream';

/** What buffers can be written to: a Node stream (file, socket, response, zlib), or a web stream. */
export type LeaseSink = NodeJS.WritableStream | WritableStream<Uint8Array>;

/** Whether it is a web stream. @throws ERR_MEMORY_INVALID_ARGUMENT for what is no stream, or one that has ended or is locked */
function checkSink(what: string, sink: LeaseSink): sink is WritableStream<Uint8Array> {
  const shape = sink as Partial<Writable & WritableStream<Uint8Array>> | null | undefined;
  const web = typeof shape?.getWriter === 'function';
  if (!web && (typeof shape?.write !== 'function' || typeof shape.on !== 'function')) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${what}: destination must be a writable stream, got ${describe(sink)}`,
    );
  }
  if (web ? shape.locked === true : shape.destroyed === true || shape.writableEnded === true) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${what}: the destination ${web ? 'is locked by a writer' : 'has ended before'}`,
    );
  }
  return web;
}

/**
 * Writes every lease's bytes without a copy; each lease is given back when the destination has called back for it.
 *
 * @returns the bytes written
 */
export function pipeLeases(what: string, start: () => LeaseStream, sink: LeaseSink): Promise<number> {
  return checkSink(what, sink) ? intoWeb(start(), sink) : intoNode(start(), sink as Writable);
}

async function intoNode(leases: LeaseStream, sink: Writable): Promise<number> {
  let written = 0;
  let failed = false;
  let wake: (() => void) | undefined;
  let current: BufferLease | undefined;
  const goOn = () => wake?.();
  const over = finished(sink, { readable: false, cleanup: true });
  // Failed, or ended by somebody else: no more of it drains.
  const gone = () => {
    failed = true;
    goOn();
    leases.stop().catch(() => undefined); // the destination's error is the one that comes out
  };
  over.then(gone, gone);
  sink.on('drain', goOn);
  try {
    for (;;) {
      const { value: lease } = await leases.next();
      if (lease === undefined) break;
      if (failed) {
        lease[Symbol.dispose]();
        break;
      }
      current = lease;
      const { bytes } = lease;
      written += bytes.length;
      const room = sink.write(bytes, () => lease[Symbol.dispose]());
      current = undefined;
      if (room || failed) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } catch (error) {
    current?.[Symbol.dispose](); // write() itself threw
    await leases.stop().catch(() => undefined);
    sink.destroy(error as Error);
    throw error;
  } finally {
    sink.off('drain', goOn);
  }
  if (!failed) sink.end();
  await over;
  return written;
}

async function intoWeb(leases: LeaseStream, sink: WritableStream<Uint8Array>): Promise<number> {
  const writer = sink.getWriter();
  let written = 0;
  writer.closed.catch(() => leases.stop().catch(() => undefined));
  try {
    for (;;) {
      const { value } = await leases.next();
      if (value === undefined) break;
      using lease = value;
      await writer.write(lease.bytes);
      written += lease.length;
    }
    await writer.close();
  } catch (error) {
    await leases.stop().catch(() => undefined);
    await writer.abort(error).catch(() => undefined);
    throw error;
  } finally {
    writer.releaseLock();
  }
  return written;
}
