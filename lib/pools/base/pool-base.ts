import { checkFunction, checkInteger, INSPECT } from '../../core';
import type { Borrower } from './borrowers';
import { LEASED, type PoolEntry } from './entry';
import { staleLease } from './errors';
import { PoolLease } from './lease';
import { MOST_AT_ONCE } from './options';
import type { Pool, PoolStats } from './pool';
import { PoolBooks } from './pool-books';
import { shown } from './shown';
import { useLease } from './use';

/** Statistics of a pool with synchronous hooks. */
export interface SyncPoolStats extends PoolStats {
  /** Hooks that threw or answered with nonsense. */
  readonly hookErrors: number;
  /** Callbacks that threw; nobody else is told. */
  readonly callbackErrors: number;
}

/** What all pools of one thread with synchronous hooks can do, on their common books. */
export abstract class PoolBase<T extends object, E extends PoolEntry<T> = PoolEntry<T>>
  extends PoolBooks<T, E>
  implements Pool<T>
{
  get borrowed(): number {
    return this.lent;
  }

  get size(): number {
    return this.total;
  }

  get maxSize(): number | null {
    return this.settings.maxSize === Number.POSITIVE_INFINITY ? null : this.settings.maxSize;
  }

  get closed(): boolean {
    return this.ended;
  }

  acquire(): T {
    const entry = this.serve('acquire');
    if (entry === undefined) throw this.refuse('acquire');
    return entry.object;
  }

  tryAcquire(): T | undefined {
    return this.serve('tryAcquire')?.object;
  }

  release(object: T): void {
    const entry = this.borrowedEntry(object, 'release');
    this.takeBack(entry, 'release');
  }

  detach(object: T): T {
    const entry = this.borrowedEntry(object, 'detach');
    this.letGo(entry);
    return object;
  }

  destroy(object: T): void {
    const entry = this.borrowedEntry(object, 'destroy');
    this.endBorrowed(entry, 'destroy');
  }

  /**
   * Borrows an object for as long as the handle lives: `using lease = pool.lease()`.
   *
   * @throws as acquire()
   */
  lease(): PoolLease<T> {
    return this.leaseOf(this.serve('lease'), 'lease');
  }

  /**
   * Runs `work` with an object, which is given back when it returns or throws, or when the promise that it returned is
   * settled. What `work` throws goes before what its `reset` throws.
   *
   * @throws as acquire(), what `work` throws, and what release() throws
   */
  use<R>(work: (object: T) => PromiseLike<R>): Promise<R>;
  use<R>(work: (object: T) => R): R;
  use<R>(work: (object: T) => R | PromiseLike<R>): R | Promise<R> {
    checkFunction(`${this.name}.use: work`, work);
    const lease = this.leaseOf(this.serve('use'), 'use');
    return useLease(lease, work, (error) => this.runner.report(error, 'release'));
  }

  /**
   * Makes objects until `count` are idle, as far as the bound and `maxIdle` allow.
   *
   * @param count 0 to 2^24
   * @returns how many were made
   * @throws ERR_MEMORY_CLOSED, and what `create` throws: those made before stay
   */
  reserve(count: number): number {
    checkInteger(`${this.name}.reserve: count`, count, 0, MOST_AT_ONCE);
    this.checkOpen('reserve');
    const wanted = count - this.idle;
    let made = 0;
    while (made < wanted && this.idle < count && this.roomForIdle()) {
      this.putNew(this.make('reserve'));
      made += 1;
    }
    return made;
  }

  /**
   * Ends idle objects until `size` is at most `count`, or none is idle.
   *
   * @returns how many were ended
   * @throws what `dispose` threw, after all of them
   */
  shrinkTo(count: number): number {
    checkInteger(`${this.name}.shrinkTo: count`, count);
    return this.endSpares(this.total - count, 'shrinkTo');
  }

  /**
   * Ends idle objects but for `keep` (default 0) and `minSize`: for whoever needs their memory.
   *
   * @returns how many were ended
   * @throws what `dispose` threw, after all of them
   */
  trim(keep: number = 0): number {
    checkInteger(`${this.name}.trim: keep`, keep);
    return this.endSpares(Math.min(this.idle - keep, this.total - this.settings.minSize), 'trim');
  }

  clear(): number {
    return this.endSpares(this.idle, 'clear');
  }

  /** Who holds what now, the longest first. Needs `traceBorrowers`; empty without. */
  leaks(): readonly Borrower<T>[] {
    if (this.borrowers === null) return [];
    return Array.from(this.borrowers, ([entry, site]) => ({ object: entry.object, site }));
  }

  stats(): SyncPoolStats {
    return {
      name: this.name,
      idle: this.idle,
      borrowed: this.lent,
      size: this.total,
      maxSize: this.maxSize,
      waiting: 0,
      acquires: this.acquires,
      releases: this.releases,
      hits: this.acquires - this.misses,
      misses: this.misses,
      refusals: this.refusals,
      creates: this.creates,
      disposals: this.disposals,
      detached: this.detached,
      invalid: this.invalid,
      expired: this.expired,
      peakBorrowed: this.peakLent,
      peakSize: this.peakTotal,
      hookErrors: this.runner.hookErrors,
      callbackErrors: this.runner.callbackErrors,
    };
  }

  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.stopShortCuts();
    this.endSpares(this.idle, 'close');
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & SyncPoolStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  [INSPECT](): string {
    return shown(this, this.stats(), this.closed);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Internal: of a lease. */
  endLease(lease: PoolLease<T>, entry: PoolEntry<T>, how: 'release' | 'detach' | 'destroy'): void {
    if (entry.lease !== lease || entry.pool !== this) throw staleLease(this.name, how);
    const own = entry as E;
    if (how === 'release') this.takeBack(own, 'lease.release');
    else if (how === 'detach') this.letGo(own);
    else this.endBorrowed(own, 'lease.destroy');
  }

  private leaseOf(entry: E | undefined, method: string): PoolLease<T> {
    if (entry === undefined) throw this.refuse(method);
    const lease = new PoolLease<T>(this, entry);
    entry.state = LEASED;
    entry.lease = lease;
    return lease;
  }
}
