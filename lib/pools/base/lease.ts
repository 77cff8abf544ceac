import { notForUsers } from '../../core';
import type { PoolEntry } from './entry';
import { doubleRelease, staleLease } from './errors';

/** What a lease needs of its pool. */
export interface Lender<T extends object> {
  readonly name: string;
  endLease(lease: PoolLease<T>, entry: PoolEntry<T>, how: 'release' | 'detach' | 'destroy'): void;
}

/**
 * One object on loan: `using lease = pool.lease()`. Its pool takes the object from whoever gives it back first; the lease
 * is stale then and can never give back what somebody else borrowed meanwhile. Belongs to the thread of its pool.
 */
export class PoolLease<T extends object> implements Disposable {
  private readonly pool: Lender<T>;
  private readonly entry: PoolEntry<T>;
  private released = false;

  /** Not for users: call `lease()`. */
  constructor(pool: Lender<T>, entry: PoolEntry<T>) {
    if (typeof (pool as Partial<Lender<T>> | undefined | null)?.endLease !== 'function') {
      throw notForUsers('PoolLease', 'pool.lease()');
    }
    this.pool = pool;
    this.entry = entry;
  }

  /** Whether the object is still on this loan. */
  get held(): boolean {
    return this.entry.lease === this;
  }

  /** The object. @throws ERR_MEMORY_STALE_HANDLE once it was given back */
  get value(): T {
    if (!this.held) throw staleLease(this.pool.name, 'value');
    return this.entry.object;
  }

  /** Gives the object back. @throws ERR_MEMORY_DOUBLE_FREE the second time, ERR_MEMORY_STALE_HANDLE if another did so */
  release(): void {
    if (this.released) throw doubleRelease(this.pool.name, 'lease.release');
    this.end('release');
  }

  /** Ends the lease and lets the object leave the pool for good. @throws ERR_MEMORY_STALE_HANDLE */
  detach(): T {
    const object = this.value;
    this.end('detach');
    return object;
  }

  /** Ends the lease and its object, which is broken. @throws ERR_MEMORY_STALE_HANDLE, and what `dispose` throws */
  destroy(): void {
    this.end('destroy');
  }

  /** Gives the object back if it is still out. */
  [Symbol.dispose](): void {
    if (this.held) this.end('release');
  }

  private end(how: 'release' | 'detach' | 'destroy'): void {
    if (!this.held) throw staleLease(this.pool.name, how);
    this.released = how === 'release'; // before hooks run, which may ask
    try {
      this.pool.endLease(this, this.entry, how);
    } finally {
      if (this.held) this.released = false; // refused: it can be given back later
    }
  }
}
