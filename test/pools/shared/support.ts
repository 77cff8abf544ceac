import {
  LockFreePool,
  type SharedPoolAttachOptions,
  type SharedPoolHandle,
  type SharedPoolOptions,
  type SlotLease,
  ThreadSafePool,
  WorkStealingPool,
} from '../../../lib/pools/shared';

export type AnyPool<T = Uint8Array> = LockFreePool<T> | ThreadSafePool<T> | WorkStealingPool<T>;

export interface Kind {
  create<T = Uint8Array>(options: SharedPoolOptions<T>): AnyPool<T>;
  attach<T = Uint8Array>(handle: SharedPoolHandle, options?: SharedPoolAttachOptions<T>): AnyPool<T>;
}

export const KINDS: Record<string, Kind> = {
  LockFreePool: LockFreePool as Kind,
  ThreadSafePool: ThreadSafePool as Kind,
  WorkStealingPool: WorkStealingPool as Kind,
};

export const code = (expected: string) => expect.objectContaining({ code: expected });

/** A slot that must be there. */
export function take<T>(pool: AnyPool<T>): SlotLease<T> {
  const lease = pool.tryAcquire();
  if (lease === undefined) throw new Error('no slot is free');
  return lease;
}

/** The bookkeeping of a pool's slots. */
export function wordsOf(pool: AnyPool): Int32Array {
  return (pool as unknown as { blocks: { words: Int32Array } }).blocks.words;
}
