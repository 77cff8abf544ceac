/** Counters of a pool since its construction. Asking costs the same however large the pool is. */
export interface PoolStats {
  readonly name: string;
  /** Objects that are free. */
  readonly idle: number;
  /** Objects that are lent out. */
  readonly borrowed: number;
  /** All that count against the bound: idle, borrowed, and being made, tested or ended. */
  readonly size: number;
  /** The bound; null without one. */
  readonly maxSize: number | null;
  /** Requests that wait. */
  readonly waiting: number;
  /** Requests that were served. */
  readonly acquires: number;
  readonly releases: number;
  /** Served with an object that was there. */
  readonly hits: number;
  /** Served with one that was made for it. */
  readonly misses: number;
  /** Requests that were refused: at the bound, timed out, aborted, or by a factory that failed. */
  readonly refusals: number;
  readonly creates: number;
  /** Objects that were ended by the pool. */
  readonly disposals: number;
  /** Objects that left the pool for good, alive. */
  readonly detached: number;
  /** Objects that failed `validate`; they are among the disposals. */
  readonly invalid: number;
  /** Objects that were too old or idle for too long; they are among the disposals. */
  readonly expired: number;
  readonly peakBorrowed: number;
  readonly peakSize: number;
}

/** What all pools of one thread have in common: what BatchAllocator, HierarchicalPool and PoolHealthMonitor work with. */
export interface Pool<T> extends Disposable {
  readonly name: string;
  readonly idle: number;
  readonly borrowed: number;
  readonly size: number;
  /** The bound; null without one. */
  readonly maxSize: number | null;
  /** An object. @throws ERR_MEMORY_POOL_EXHAUSTED at the bound, ERR_MEMORY_CLOSED, and what the hooks throw */
  acquire(): T;
  /** An object, or undefined at the bound. @throws as acquire() otherwise */
  tryAcquire(): T | undefined;
  /** Takes an object back. @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE */
  release(object: T): void;
  /** Lets a borrowed object leave the pool for good; its place is free. @throws as release() */
  detach(object: T): T;
  /** Ends a borrowed object that is broken; its place is free. @throws as release() */
  destroy(object: T): void;
  /** Ends all idle objects. @returns how many */
  clear(): number;
  stats(): PoolStats;
  /** Ends the idle objects, and each borrowed one when it comes back; nothing is lent from now on. Idempotent. */
  close(): void;
}

/** What a pool does with its objects. Hooks run synchronously; a promise from one is refused. */
export interface PoolHooks<T extends object> {
  /** Makes one: an object or function. */
  readonly create: () => T;
  /** Runs when one comes back: makes it fit for the next holder. One for which it throws is ended. */
  readonly reset?: (object: T) => void;
  /** False for one that must not be lent any more: it is ended and another one taken. */
  readonly validate?: (object: T) => boolean;
  /** Ends one. Runs once for each that was made and not detached. */
  readonly dispose?: (object: T) => void;
}

/** Who is told what happens. What a callback throws is counted and goes no further. */
export interface PoolCallbacks<T> {
  readonly onCreate?: (object: T) => void;
  readonly onAcquire?: (object: T) => void;
  readonly onRelease?: (object: T) => void;
  readonly onDispose?: (object: T) => void;
}
