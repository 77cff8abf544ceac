import { checkFunction, checkInteger, checkOptions, checkString, INSPECT, memoryError } from '../../core';
import {
  type Borrower,
  entryOf,
  LEASED,
  type Pool,
  type PoolEntry,
  type PoolHooks,
  PoolLease,
  type PoolStats,
  poolClosed,
  readHooks,
  readSyncPoolOptions,
  shown,
} from '../base';
import { useLease } from '../base/use';
import { Level, type TreeEntry } from './level';
import { type ChildPoolOptions, type HierarchicalPoolOptions, ROOT_OPTIONS, readChildOptions } from './options';
import { hierarchyStats, type PoolHierarchyStats } from './stats';
import { TreeStore } from './store';

/**
 * A tree of pools over the same objects. The root makes and ends them; a child lends what it has idle first, then what
 * it gets from its parent, which gets it from its own, through any number of levels and within the limit of each. What
 * comes back stays at the child that lent it, as far as it keeps idle ones, or goes home to its parent. A level that is
 * at its limit takes idle ones back from those below it. Belongs to one thread.
 *
 * Counts are of a pool and everything below it: `idle` are those that it could lend, and for a child, `creates` are the
 * objects that came from its parent and `disposals` those that went home or ended. Hooks run once for each return or
 * loan, wherever the object stays, and behave as those of ObjectPool. Costs grow with the depth.
 */
export class HierarchicalPool<T extends object> implements Pool<T> {
  private readonly store: TreeStore<T>;
  private readonly level: Level<T>;

  /**
   * The root; children come from child().
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and what `create` throws for the first ones
   */
  constructor(hooks: PoolHooks<T> | (() => T), options?: HierarchicalPoolOptions<T>);
  /** @internal */
  constructor(store: TreeStore<T>, level: Level<T>);
  constructor(hooks: PoolHooks<T> | (() => T) | TreeStore<T>, options?: HierarchicalPoolOptions<T> | Level<T>) {
    if (hooks instanceof TreeStore && options instanceof Level) {
      this.store = hooks;
      this.level = options;
      return;
    }
    const where = 'HierarchicalPool';
    const own = readHooks(where, hooks as PoolHooks<T> | (() => T));
    const given = checkOptions(where, options as HierarchicalPoolOptions<T> | undefined, ROOT_OPTIONS);
    const defaults = { name: 'hierarchical-pool', validates: own.validate !== undefined };
    this.store = new TreeStore(readSyncPoolOptions(where, given, defaults), own);
    this.level = this.store.root;
  }

  /**
   * Makes a pool below this one.
   *
   * @param name unique among the children; that of one that was closed is free when its last object has come back
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED
   */
  child(name: string, options: ChildPoolOptions = {}): HierarchicalPool<T> {
    const { level } = this;
    const where = `${level.path}.child`;
    checkString(`${where}: name`, name, 200);
    const { maxSize, keepIdle } = readChildOptions(where, options, level.maxSize);
    if (level.closed) throw poolClosed(level.path, 'child');
    const former = level.children.get(name);
    if (former !== undefined) {
      const state = former.closed ? `, closed with ${former.places} objects out` : '';
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: there is a child '${name}' already${state}`);
    }
    const made = new Level(name, level, maxSize, keepIdle);
    level.children.set(name, made);
    return new HierarchicalPool(this.store, made);
  }

  /** The path of names from the root, such as `jobs/images`. */
  get name(): string {
    return this.level.path;
  }

  get idle(): number {
    return this.level.idle;
  }

  get borrowed(): number {
    return this.level.lent;
  }

  get size(): number {
    return this.level.places;
  }

  get maxSize(): number | null {
    const { maxSize } = this.level;
    return maxSize === Number.POSITIVE_INFINITY ? null : maxSize;
  }

  get closed(): boolean {
    return this.level.closed;
  }

  /** @throws ERR_MEMORY_POOL_EXHAUSTED naming the level that has nothing left, ERR_MEMORY_CLOSED, what the hooks throw */
  acquire(): T {
    return this.store.acquire(this.level);
  }

  tryAcquire(): T | undefined {
    return this.store.tryAcquire(this.level);
  }

  /** Takes back what this very level has lent. @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, what hooks throw */
  release(object: T): void {
    this.store.release(object, this.level);
  }

  /** Lets a borrowed object leave the whole tree; its place is free on each level. @throws as release() */
  detach(object: T): T {
    return this.store.detach(object, this.level);
  }

  destroy(object: T): void {
    this.store.destroy(object, this.level);
  }

  /** Borrows an object for as long as the handle lives: `using lease = pool.lease()`. @throws as acquire() */
  lease(): PoolLease<T> {
    const entry = this.store.borrow(this.level);
    const lease = new PoolLease<T>(this, entry);
    entry.state = LEASED;
    entry.lease = lease;
    return lease;
  }

  /**
   * Runs `work` with an object, which is given back when it returns or throws, or when the promise that it returned is
   * settled.
   *
   * @throws as acquire(), what `work` throws, and what release() throws
   */
  use<R>(work: (object: T) => PromiseLike<R>): Promise<R>;
  use<R>(work: (object: T) => R): R;
  use<R>(work: (object: T) => R | PromiseLike<R>): R | Promise<R> {
    checkFunction(`${this.name}.use: work`, work);
    return useLease(this.lease(), work, (error) => this.store.report(error));
  }

  /** Ends all that is idle here and below. @returns how many. @throws what `dispose` threw, after all of them */
  clear(): number {
    return this.store.clearLevel(this.level, 'clear');
  }

  /**
   * Takes up to `count` idle objects back from the pools below, whoever has most first; they are idle here then. A
   * request that finds this level at its limit does so by itself.
   *
   * @returns how many
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  reclaim(count: number): number {
    checkInteger(`${this.name}.reclaim: count`, count);
    return this.level.reclaim(count);
  }

  /** Who holds what now, here and below, the longest first. Needs `traceBorrowers`; empty without. */
  leaks(): readonly Borrower<T>[] {
    const { level } = this;
    return this.store
      .leaks()
      .filter(({ object }) => (entryOf(object) as TreeEntry<T> | undefined)?.level.isWithin(level));
  }

  stats(): PoolStats {
    return this.level.parent === null ? this.store.stats() : this.level.stats();
  }

  /** This level and all below, one by one. Costs as much as there are. */
  hierarchyStats(): PoolHierarchyStats {
    return hierarchyStats(this.level);
  }

  /**
   * Closes this pool and those below. What a child has idle goes home, and what it has lent when it comes back; at the
   * root both end. Idempotent.
   */
  close(): void {
    this.store.closeLevel(this.level);
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & PoolStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  [INSPECT](): string {
    return shown(this, this.stats(), this.closed);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Internal: of a lease. */
  endLease(_lease: PoolLease<T>, entry: PoolEntry<T>, how: 'release' | 'detach' | 'destroy'): void {
    if (how === 'release') this.store.giveBack(entry as TreeEntry<T>, 'lease.release');
    else if (how === 'detach') this.store.detach(entry.object, this.level);
    else this.store.destroy(entry.object, this.level);
  }
}
