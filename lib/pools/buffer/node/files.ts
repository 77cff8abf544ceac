import { open } from 'node:fs/promises';
import {
  type ByteSize,
  checkInteger,
  checkOptions,
  checkSignal,
  describe,
  memoryError,
  parseBytes,
} from '../../../core';
import type { BufferPool } from '../buffer-pool';
import type { PooledBuffer } from '../pooled-buffer';
import { abortedBy } from './gate';

/** What can be read: an open file, such as a FileHandle of node:fs/promises. */
export interface PooledFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesRead: number }>;
  stat(): Promise<{ readonly size: number | bigint }>;
}

export interface ReadPooledOptions {
  /** Where to begin. Default: the begin of the file, for an open one its present position. */
  readonly offset?: ByteSize;
  /** At most this much. Default: up to the end. */
  readonly length?: ByteSize;
  /** Looked at between two reads; the read that is under way ends first. */
  readonly signal?: AbortSignal;
}

/** For files that say size 0 and hold something: /proc and the like. */
const FIRST_BYTES = 65_536;
/** One read of the system takes no more. */
const MOST_A_READ = 2 ** 30;

/**
 * Reads a file straight into a lease: no copy, no buffer of the collector's. Whoever called releases the lease; when the
 * read fails it is given back here, after the system is done with it.
 *
 * @param source a path, or an open file, which stays open
 * @returns a lease of exactly the bytes that were read; undefined where there were none
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_ABORTED; what acquire() and the file system throw
 */
export async function readPooled(
  pool: BufferPool,
  source: string | URL | PooledFile,
  options?: ReadPooledOptions,
): Promise<PooledBuffer | undefined> {
  const what = 'readPooled';
  const given = checkOptions<ReadPooledOptions>(what, options, ['offset', 'length', 'signal']);
  const signal = checkSignal(`${what}: signal`, given.signal);
  const offset = given.offset === undefined ? undefined : parseBytes(given.offset, `${what}: offset`);
  const length = given.length === undefined ? undefined : parseBytes(given.length, `${what}: length`, { minBytes: 1 });
  if (signal?.aborted === true) throw abortedBy(signal);
  if (typeof source === 'string' || source instanceof URL) {
    const file = await open(source, 'r');
    try {
      return await readInto(pool, file, offset ?? 0, length, signal);
    } finally {
      await file.close();
    }
  }
  if (typeof source?.read !== 'function' || typeof source.stat !== 'function') {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${what}: a path or a FileHandle is needed, got ${describe(source)}`,
    );
  }
  return await readInto(pool, source, offset, length, signal);
}

async function readInto(
  pool: BufferPool,
  file: PooledFile,
  offset: number | undefined,
  length: number | undefined,
  signal: AbortSignal | undefined,
): Promise<PooledBuffer | undefined> {
  const size = length === undefined ? Number((await file.stat()).size) - (offset ?? 0) : length;
  const open = length === undefined && !(size > 0); // nobody knows how much there is
  let lease = pool.acquire(open ? FIRST_BYTES : size);
  let filled = 0;
  try {
    for (;;) {
      if (signal?.aborted === true) throw abortedBy(signal);
      if (filled === lease.byteLength) {
        if (!open) return lease;
        lease = grown(pool, lease);
      }
      const want = Math.min(MOST_A_READ, lease.byteLength - filled);
      const { bytesRead } = await file.read(lease.buffer, filled, want, offset === undefined ? null : offset + filled);
      checkInteger('readPooled: bytes read', bytesRead, 0, want);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > 0) return lease.resize(filled);
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
  lease.release();
  return undefined;
}

function grown(pool: BufferPool, lease: PooledBuffer): PooledBuffer {
  const next = pool.acquire(lease.byteLength * 2);
  next.bytes.set(lease.bytes);
  lease.release();
  return next;
}
