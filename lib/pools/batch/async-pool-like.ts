import type { WaitOptions } from '../../core';

/** A pool whose calls answer later: what AsyncBatchAllocator needs of it. */
export interface AsyncPoolLike<T> {
  readonly name: string;
  /** The bound, where there is one. */
  readonly maxSize?: number | null;
  /** Must end its wait when the signal is aborted. */
  acquire(options: WaitOptions): Promise<T>;
  release(object: T): unknown;
  detach?(object: T): T | Promise<T>;
}
