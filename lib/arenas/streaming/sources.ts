import { describe, memoryError } from '../../core';
import type { BufferLease } from './lease';
import type { Stopper } from './lease-stream';

/** An open file, such as a FileHandle of node:fs/promises. */
export interface PositionedReader {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesRead: number }>;
}

/** What can be read through leases: a file, a web byte stream, or anything that yields bytes. */
export type LeaseSource =
  | PositionedReader
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

type Acquire = () => Promise<BufferLease>;

/** A file, straight into the leased buffers: no copy. */
async function* readFile(source: PositionedReader, acquire: Acquire): AsyncGenerator<BufferLease, void> {
  for (;;) {
    const lease = await acquire();
    let handed = false;
    try {
      const { buffer } = lease;
      const { bytesRead } = await source.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      lease.fill(bytesRead);
      handed = true;
      yield lease;
    } finally {
      if (!handed) lease[Symbol.dispose]();
    }
  }
}

/** Anything that yields chunks: copied into buffers, filled to the brim, a chunk going over as many as it needs. */
async function* copyChunks(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  acquire: Acquire,
): AsyncGenerator<BufferLease, void> {
  let lease: BufferLease | undefined;
  try {
    for await (const chunk of source) {
      if (!ArrayBuffer.isView(chunk)) {
        throw memoryError(
          'ERR_MEMORY_INVALID_ARGUMENT',
          `StreamingArena.stream: a chunk must be bytes, got ${describe(chunk)}`,
        );
      }
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let at = 0; at < bytes.length; ) {
        lease ??= await acquire();
        const { buffer, length } = lease;
        const part = bytes.subarray(at, at + buffer.length - length);
        buffer.set(part, length);
        lease.fill(length + part.length);
        at += part.length;
        if (lease.length < buffer.length) continue;
        const full = lease;
        lease = undefined;
        yield full;
      }
    }
    if (lease !== undefined && lease.length > 0) {
      const rest = lease;
      lease = undefined;
      yield rest;
    }
  } finally {
    lease?.[Symbol.dispose]();
  }
}

/** A web stream: a byte stream straight into the buffers, another one by copying its chunks. */
async function* readWeb(
  source: ReadableStream<Uint8Array>,
  acquire: Acquire,
  stopper: Stopper,
): AsyncGenerator<BufferLease, void> {
  const reader = byobReader(source);
  if (reader === undefined) {
    yield* copyChunks(chunksOf(source, stopper), acquire);
    return;
  }
  stopper.interrupt = () => void reader.cancel().catch(() => undefined);
  let ended = false;
  try {
    while (!ended) {
      const lease = await acquire();
      let handed = false;
      try {
        const { buffer } = lease;
        const copied = !(buffer.buffer instanceof ArrayBuffer); // shared memory cannot be given away
        const { done, value } = await reader.read(copied ? new Uint8Array(buffer.length) : buffer);
        if (done) {
          ended = true;
          break;
        }
        // The stream took the ArrayBuffer and moved the pages into one of its own; the lease makes another over them.
        if (copied) lease.buffer.set(value);
        lease.fill(value.length);
        handed = true;
        yield lease;
      } finally {
        // A read that was broken off or failed: its source may still write there.
        if (!handed && (stopper.stopped || !ended)) lease.abandon();
        else if (!handed) lease[Symbol.dispose]();
      }
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

/** Undefined for a stream that is no byte stream. */
function byobReader(source: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  if (source.locked) return undefined; // the next getReader() says so
  try {
    return source.getReader({ mode: 'byob' });
  } catch {
    return undefined;
  }
}

async function* chunksOf(source: ReadableStream<Uint8Array>, stopper: Stopper): AsyncGenerator<Uint8Array, void> {
  const reader = source.getReader();
  stopper.interrupt = () => void reader.cancel().catch(() => undefined);
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

/** Leases of any source; undefined for what is none. */
export function leasesOf(
  source: LeaseSource,
  acquire: Acquire,
  stopper: Stopper,
): AsyncGenerator<BufferLease, void> | undefined {
  const shape = source as Partial<PositionedReader & ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>> | null;
  if (typeof shape?.read === 'function' && typeof shape[Symbol.asyncIterator] !== 'function') {
    return readFile(source as PositionedReader, acquire);
  }
  if (typeof shape?.getReader === 'function') {
    const web = source as ReadableStream<Uint8Array>;
    stopper.interrupt = () => void web.cancel().catch(() => undefined); // until a reader is at work
    return readWeb(web, acquire, stopper);
  }
  const iterable = source as AsyncIterable<Uint8Array> & Iterable<Uint8Array> & { destroy?(): unknown };
  if (typeof iterable?.[Symbol.asyncIterator] !== 'function' && typeof iterable?.[Symbol.iterator] !== 'function') {
    return undefined;
  }
  if (typeof iterable.destroy === 'function') stopper.interrupt = () => void iterable.destroy?.();
  return copyChunks(iterable, acquire);
}
