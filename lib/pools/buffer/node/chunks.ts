import { Readable } from 'node:stream';
import {
  type ByteSize,
  checkInteger,
  checkOptions,
  checkSignal,
  describe,
  ignoreFailure,
  memoryError,
  parseBytes,
} from '../../../core';
import type { BufferPool } from '../buffer-pool';
import type { PooledBuffer } from '../pooled-buffer';
import type { PooledFile } from './files';
import { abortedBy, LeaseGate } from './gate';
import { SourceReader } from './source-reader';

/** What can be read in leases: an open file (no copy), or anything that yields bytes (one copy). */
export type ChunkSource =
  | Pick<PooledFile, 'read'>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>
  | ReadableStream<Uint8Array>;

export interface PooledChunksOptions {
  /** Size of each lease but the last. Default 64 KiB. */
  readonly chunkBytes?: ByteSize;
  /** So many leases that nobody has released are out at most; then reading waits. Default 4. */
  readonly maxLeases?: number;
  /** Ends every wait, for a lease and for the source; the read of a file that is under way ends first. */
  readonly signal?: AbortSignal;
}

type Pull = (gate: LeaseGate, signal: AbortSignal | undefined) => AsyncGenerator<PooledBuffer, void>;

async function* fromFile(
  file: Pick<PooledFile, 'read'>,
  gate: LeaseGate,
  signal: AbortSignal | undefined,
): AsyncGenerator<PooledBuffer, void> {
  for (;;) {
    const lease = await gate.take(signal);
    if (lease === undefined) return;
    let handed = false;
    try {
      const { bytesRead } = await file.read(lease.buffer, 0, lease.byteLength, null);
      checkInteger('pooledChunks: bytes read', bytesRead, 0, lease.byteLength);
      if (bytesRead === 0 || gate.stopped) return;
      lease.resize(bytesRead);
      handed = true;
      yield lease;
    } finally {
      if (!handed) lease[Symbol.dispose]();
    }
  }
}

async function* fromIterable(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ReadableStream<Uint8Array>,
  gate: LeaseGate,
  signal: AbortSignal | undefined,
): AsyncGenerator<PooledBuffer, void> {
  const reader = new SourceReader(source);
  let lease: PooledBuffer | undefined;
  let filled = 0;
  let failed = true;
  try {
    for (;;) {
      const chunk = await reader.read(gate, signal);
      if (signal?.aborted === true) throw abortedBy(signal);
      if (chunk === undefined) break;
      if (!ArrayBuffer.isView(chunk)) {
        throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `pooledChunks: a chunk must be bytes, got ${describe(chunk)}`);
      }
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let at = 0; at < bytes.length; ) {
        lease ??= await gate.take(signal);
        if (lease === undefined) {
          failed = false;
          return;
        }
        const part = bytes.subarray(at, at + lease.byteLength - filled);
        lease.bytes.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < lease.byteLength) continue;
        const full: PooledBuffer = lease;
        lease = undefined;
        filled = 0;
        failed = false; // a consumer that leaves the loop now
        yield full;
        failed = true;
      }
    }
    failed = false;
    if (lease === undefined || gate.stopped) return;
    const rest: PooledBuffer = lease.resize(filled);
    lease = undefined;
    yield rest;
  } finally {
    lease?.[Symbol.dispose]();
    await reader.close(failed);
  }
}

interface Opened {
  readonly gate: LeaseGate;
  readonly leases: AsyncGenerator<PooledBuffer, void>;
  /** Ends what the source does now. */
  interrupt(): void;
}

function openSource(
  what: string,
  pool: BufferPool,
  source: ChunkSource,
  options: PooledChunksOptions | undefined,
): Opened {
  const given = checkOptions<PooledChunksOptions>(what, options, ['chunkBytes', 'maxLeases', 'signal']);
  const signal = checkSignal(`${what}: signal`, given.signal);
  const chunkBytes = parseBytes(given.chunkBytes ?? 65_536, `${what}: chunkBytes`, { minBytes: 1, maxBytes: 2 ** 30 });
  const maxLeases = checkInteger(`${what}: maxLeases`, given.maxLeases ?? 4, 1);
  const gate = new LeaseGate(pool, chunkBytes, maxLeases);
  const shape = source as Partial<PooledFile & AsyncIterable<Uint8Array> & Iterable<Uint8Array>> & {
    destroy?(): unknown;
  };
  let pull: Pull | undefined;
  const iterable =
    typeof shape?.[Symbol.asyncIterator] === 'function' || typeof shape?.[Symbol.iterator] === 'function';
  if (iterable) pull = (...more) => fromIterable(source as AsyncIterable<Uint8Array>, ...more);
  else if (typeof shape?.read === 'function') pull = (...more) => fromFile(source as PooledFile, ...more);
  if (pull === undefined) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${what}: source must be an open file, a stream or an iterable of bytes, got ${describe(source)}`,
    );
  }
  const interrupt = (): void => {
    gate.stop();
    if (iterable && typeof shape.destroy === 'function') shape.destroy();
  };
  return { gate, leases: pull(gate, signal), interrupt };
}

/**
 * Reads a source through leases, for `for await`. The consumer releases each lease; no more than `maxLeases` are out at
 * once, and a pool at its bound is waited for. A consumer that keeps them all and asks for more waits until `signal`.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; from the iteration ERR_MEMORY_ABORTED and what the source throws
 */
export function pooledChunks(
  pool: BufferPool,
  source: ChunkSource,
  options?: PooledChunksOptions,
): AsyncGenerator<PooledBuffer, void> {
  return openSource('pooledChunks', pool, source, options).leases;
}

/**
 * The same as a Node.js stream of leases (object mode, one is read ahead). What was read and not delivered when it is
 * destroyed is released here; what was delivered belongs to its consumer.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
 */
export function pooledReadable(pool: BufferPool, source: ChunkSource, options?: PooledChunksOptions): Readable {
  return new LeaseReadable(openSource('pooledReadable', pool, source, options));
}

class LeaseReadable extends Readable {
  private readonly source: Opened;
  /** The last that were pushed: of these the newest `readableLength` wait in the stream. */
  private pushed: PooledBuffer[] = [];

  constructor(source: Opened) {
    super({ objectMode: true, highWaterMark: 1 });
    this.source = source;
  }

  override _read(): void {
    this.source.leases.next().then(
      ({ value }) => this.accept(value ?? null),
      (error) => this.destroy(error),
    );
  }

  private accept(lease: PooledBuffer | null): void {
    if (lease !== null && this.destroyed) {
      lease[Symbol.dispose]();
      return;
    }
    if (lease !== null) this.pushed = [...this.undelivered(), lease];
    this.push(lease);
  }

  private undelivered(): PooledBuffer[] {
    return this.pushed.slice(Math.max(0, this.pushed.length - this.readableLength));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    for (const lease of this.undelivered()) lease[Symbol.dispose]();
    this.pushed = [];
    this.source.interrupt();
    // The read that is under way ends by itself; nobody waits for it.
    ignoreFailure(this.source.leases.return(undefined));
    callback(error);
  }
}
