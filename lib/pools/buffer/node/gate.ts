import { isMemoryError, memoryError, systemTimers } from '../../../core';
import type { BufferPool } from '../buffer-pool';
import { type PooledBuffer, watchLease } from '../pooled-buffer';

/** Another try where the pool is drained by others, whose releases nobody reports here. */
const RETRY_MS = 20;

/** Leases for one source: no more than so many of them are out, and then the next one waits. That is the back-pressure. */
export class LeaseGate {
  out = 0;
  stopped = false;
  private readonly pool: BufferPool;
  private readonly chunkBytes: number;
  private readonly maxLeases: number;
  private readonly waiting = new Set<() => void>();
  private readonly stoppers = new Set<() => void>();

  constructor(pool: BufferPool, chunkBytes: number, maxLeases: number) {
    this.pool = pool;
    this.chunkBytes = chunkBytes;
    this.maxLeases = maxLeases;
  }

  /** One now; undefined where all are out or the pool has none. @throws what pool.acquire() throws otherwise */
  tryTake(): PooledBuffer | undefined {
    if (this.out >= this.maxLeases) return undefined;
    const lease = this.pool.tryAcquire(this.chunkBytes);
    if (lease === undefined) return undefined;
    this.out += 1;
    watchLease(lease, () => {
      this.out -= 1;
      this.wake();
    });
    return lease;
  }

  /** One as soon as there is one; undefined once stopped. @throws ERR_MEMORY_ABORTED, what pool.acquire() throws */
  async take(signal?: AbortSignal): Promise<PooledBuffer | undefined> {
    for (;;) {
      if (this.stopped) return undefined;
      if (signal?.aborted === true) throw abortedBy(signal);
      const lease = this.tryTake();
      if (lease !== undefined) return lease;
      await this.room(signal);
    }
  }

  /** Calls `work` once there may be room: when a lease came back, and after a moment where none of ours is out. */
  whenRoom(work: () => void): () => void {
    let timer: unknown;
    const once = (): void => {
      systemTimers.stop(timer);
      this.waiting.delete(once);
      work();
    };
    timer = systemTimers.start(once, this.out === 0 ? RETRY_MS : 10 * RETRY_MS);
    this.waiting.add(once);
    return () => {
      systemTimers.stop(timer);
      this.waiting.delete(once);
    };
  }

  stop(): void {
    this.stopped = true;
    this.wake();
    for (const work of [...this.stoppers]) work();
  }

  /** Calls `work` when this is stopped or the signal aborted. @returns what takes it back, to be called in any case */
  whenEnded(signal: AbortSignal | undefined, work: () => void): () => void {
    this.stoppers.add(work);
    signal?.addEventListener('abort', work);
    if (this.stopped || signal?.aborted === true) work();
    return () => {
      this.stoppers.delete(work);
      signal?.removeEventListener('abort', work);
    };
  }

  private room(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const forget = this.whenRoom(done);
      const onAbort = (): void => {
        forget();
        done();
      };
      signal?.addEventListener('abort', onAbort);
    });
  }

  private wake(): void {
    for (const work of [...this.waiting]) work();
  }
}

export function abortedBy(signal: AbortSignal): Error {
  if (isMemoryError(signal.reason)) return signal.reason;
  return memoryError('ERR_MEMORY_ABORTED', 'the signal was aborted', { cause: signal.reason });
}
