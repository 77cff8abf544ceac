import { type ByteSize, checkFunction, checkInteger, checkOptions, memoryError, parseBytes } from '../../../core';
import type { BufferPool } from '../buffer-pool';
import type { PooledBuffer } from '../pooled-buffer';
import { LeaseGate } from './gate';

export interface PooledOnreadOptions {
  /** Most bytes of one read. Default 64 KiB. */
  readonly chunkBytes?: ByteSize;
  /** So many leases that nobody has released are out at most; then the socket is paused. Default 4. */
  readonly maxLeases?: number;
}

/** What net.connect() and net.Socket take as `onread`. */
export interface PooledOnread {
  buffer(): Uint8Array;
  callback(bytesRead: number, buffer: Uint8Array): boolean;
  /** Gives back the buffer that waits for the next read. Call it when the socket has closed, and not before. */
  release(): void;
}

/**
 * For the option `onread` of net.connect(): the system reads straight into leases. `deliver` gets each filled lease and
 * owns it. When all `maxLeases` are out, or the pool is at its bound, the socket is paused; `resume` is called when there
 * is one again, and the first read after that is copied once. What `deliver` and `resume` throw is an uncaught exception.
 * When the pool is closed, the socket is paused for good once its leases are used up: destroy it.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; what acquire() throws where not even the first is to be had
 */
export function pooledOnread(
  pool: BufferPool,
  deliver: (lease: PooledBuffer) => void,
  resume: () => void,
  options?: PooledOnreadOptions,
): PooledOnread {
  const what = 'pooledOnread';
  checkFunction(`${what}: deliver`, deliver);
  checkFunction(`${what}: resume`, resume);
  const given = checkOptions<PooledOnreadOptions>(what, options, ['chunkBytes', 'maxLeases']);
  const chunkBytes = parseBytes(given.chunkBytes ?? 65_536, `${what}: chunkBytes`, { minBytes: 1, maxBytes: 2 ** 30 });
  const gate = new LeaseGate(pool, chunkBytes, checkInteger(`${what}: maxLeases`, given.maxLeases ?? 4, 1));
  // Node.js asks for the next buffer even when it is told to pause, and reads into that one after resume().
  let target = gate.tryTake();
  if (target === undefined) pool.acquire(chunkBytes).release(); // says why
  let spare: Uint8Array | undefined;
  let ready: PooledBuffer | undefined;
  let ended = false;
  let forget: (() => void) | undefined;

  // Whatever goes wrong here is tried again: it would end the process out of a timer or a socket's callback.
  const next = (): PooledBuffer | undefined => {
    try {
      return gate.tryTake();
    } catch {
      return undefined;
    }
  };
  // It may run within a release() of anybody, who is not to be told of its failure.
  const callResume = (): void => {
    try {
      resume();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  const wait = (): void => {
    forget = gate.whenRoom(() => {
      if (ended || pool.closed) return;
      ready = next();
      if (ready === undefined) wait();
      else callResume();
    });
  };
  return {
    buffer: () => {
      if (target !== undefined) return target.buffer;
      spare ??= new Uint8Array(chunkBytes);
      return spare;
    },
    callback: (bytesRead) => {
      if (ended) return false;
      const lease = target ?? ready;
      if (lease === undefined) {
        throw memoryError('ERR_MEMORY_INVALID_STATE', `${what}: the socket was resumed by somebody else`, {
          source: pool.name,
          hint: 'A paused socket is resumed here as soon as a lease came back.',
        });
      }
      if (target === undefined) lease.bytes.set((spare as Uint8Array).subarray(0, bytesRead));
      target = undefined;
      ready = undefined;
      lease.resize(bytesRead);
      try {
        deliver(lease);
      } catch (error) {
        // Not from here: the socket would go on reading into the lease that was just delivered.
        queueMicrotask(() => {
          throw error;
        });
      }
      if (ended) return false; // by the one who was just delivered to
      target = next();
      if (target !== undefined) return true;
      if (!pool.closed) wait();
      return false;
    },
    release: () => {
      ended = true;
      forget?.();
      target?.[Symbol.dispose]();
      ready?.[Symbol.dispose]();
      target = undefined;
      ready = undefined;
    },
  };
}
