import {
  checkFunction,
  checkInteger,
  describe,
  isThenable,
  type MemoryError,
  memoryError,
  notForUsers,
} from '../../core';
import { doubleRelease } from '../base';
import type { Slot } from './slab';

/** Keeps a lease from being released while native work runs on its bytes. */
export interface LeasePin extends Disposable {
  /** Ends the pin; a second call does nothing. */
  release(): void;
}

/**
 * A buffer on loan: `using lease = pool.acquire('64KiB')`. Who acquired it releases it, once; after that every call throws
 * ERR_MEMORY_STALE_HANDLE. It stays valid when its pool is closed. Belongs to the thread of its pool.
 */
export class PooledBuffer implements Disposable {
  /** Bytes that were asked for: the length of `bytes`. */
  readonly byteLength: number;
  private readonly slot: Slot;
  private readonly generation: number;

  /** Not for users: call `pool.acquire()`. @throws ERR_MEMORY_INVALID_STATE */
  constructor(slot: Slot, byteLength: number) {
    if (slot?.owner === undefined) throw notForUsers('PooledBuffer', 'pool.acquire()');
    this.slot = slot;
    this.generation = slot.generation;
    this.byteLength = byteLength;
  }

  /** False once it was released. */
  get held(): boolean {
    return this.slot.generation === this.generation;
  }

  /** Bytes of the buffer, to which resize() can grow the lease. */
  get capacityBytes(): number {
    return this.slot.capacityBytes;
  }

  /**
   * The memory; exactly `byteLength` bytes. Do not keep it longer than the lease: see {@link BufferPool} for what it
   * shows then.
   *
   * @throws ERR_MEMORY_STALE_HANDLE once released
   */
  get bytes(): Uint8Array {
    const { slot } = this;
    if (slot.generation !== this.generation) throw this.stale('bytes');
    const { view } = slot;
    return view.length === this.byteLength ? view : slot.viewOf(this.byteLength);
  }

  /** The same memory as a Node.js Buffer; made when first asked for. @throws ERR_MEMORY_STALE_HANDLE once released */
  get buffer(): Buffer {
    const { slot } = this;
    if (slot.generation !== this.generation) throw this.stale('buffer');
    return slot.bufferOf(this.byteLength);
  }

  /**
   * Changes `byteLength` within the capacity: after a read that filled less, for example. What lies behind the former
   * length is whatever was there.
   *
   * @throws ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  resize(byteLength: number): this {
    if (!this.held) throw this.stale('resize');
    const bytes = checkInteger('PooledBuffer.resize: byteLength', byteLength, 1, this.capacityBytes);
    (this as { byteLength: number }).byteLength = bytes;
    return this;
  }

  /** Keeps the lease from being released while native work runs on it. Pins nest. @throws ERR_MEMORY_STALE_HANDLE */
  pin(): LeasePin {
    const { slot } = this;
    if (!this.held) throw this.stale('pin');
    slot.pins += 1;
    let open = true;
    const release = (): void => {
      if (!open) return;
      open = false;
      slot.pins -= 1;
    };
    return { release, [Symbol.dispose]: release };
  }

  /** Runs `work` with the lease pinned, until its promise settles if it returns one. @throws ERR_MEMORY_STALE_HANDLE */
  use<T>(work: (bytes: Uint8Array) => T): T {
    checkFunction('PooledBuffer.use: work', work);
    const { bytes } = this;
    const pin = this.pin();
    let later = false;
    try {
      const result = work(bytes);
      if (!isThenable(result)) return result;
      later = true;
      return Promise.resolve(result).finally(pin.release) as T;
    } finally {
      if (!later) pin.release();
    }
  }

  /**
   * Gives the buffer back.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE the second time, ERR_MEMORY_IN_USE while pinned; nothing has changed then
   */
  release(): void {
    const { slot } = this;
    if (slot.generation !== this.generation) throw doubleRelease(slot.owner.name, 'release');
    if (slot.pins !== 0) throw this.pinned();
    slot.owner.give(slot);
  }

  /** As release(); does nothing for a lease that was released. @throws ERR_MEMORY_IN_USE while pinned */
  [Symbol.dispose](): void {
    if (this.held) this.release();
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  private stale(method: string): MemoryError {
    return memoryError(
      'ERR_MEMORY_STALE_HANDLE',
      `PooledBuffer.${method}: the buffer was given back and may be somebody else’s`,
      { source: this.slot.owner.name, hint: 'Release after the last use, or copy out what has to live longer.' },
    );
  }

  private pinned(): MemoryError {
    return memoryError('ERR_MEMORY_IN_USE', `PooledBuffer.release: the buffer is pinned ${this.slot.pins} times`, {
      source: this.slot.owner.name,
      hint: 'Native work still runs on it; what pinned it gives it back or says when.',
    });
  }
}

/** Tells `ended` when the lease is given back. Internal. @throws ERR_MEMORY_STALE_HANDLE */
export function watchLease(lease: PooledBuffer, ended: () => void): void {
  const { slot } = lease as unknown as { slot: Slot };
  lease.pin().release(); // throws for a stale one
  const next = slot.watcher;
  slot.watcher = {
    ended: () => {
      next?.ended();
      ended();
    },
  };
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT for what is no lease, ERR_MEMORY_STALE_HANDLE for one that was released */
export function checkLease(what: string, lease: unknown): PooledBuffer {
  if (lease instanceof PooledBuffer) {
    if (lease.held) return lease;
    throw memoryError('ERR_MEMORY_STALE_HANDLE', `${what}: the lease was released before`);
  }
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${what}: a lease of a BufferPool is needed, got ${describe(lease)}`,
  );
}
