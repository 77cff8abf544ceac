import { checkOptions, overPreset } from '../../core';
import {
  PoolBase,
  type PoolHooks,
  readHooks,
  readSyncPoolOptions,
  SYNC_POOL_OPTIONS,
  type SyncPoolOptions,
} from '../base';
// Not by way of the index, whose re-exports are getters in CommonJS: the hot path pays for each.
import { BUSY, entryOf, IDLE, LENT, PoolEntry } from '../base/entry';
import { type PoolShrink, ShrinkPolicy } from './shrink';

export interface ObjectPoolOptions<T> extends SyncPoolOptions<T> {
  /** Ends idle objects that were not needed for a while. Default: none are ended before trim(), clear(), or close(). */
  readonly shrink?: PoolShrink;
}

/** The presets: options that the caller's own go before. */
export const OBJECT_POOL_PRESETS = {
  production: { shrink: { afterReleases: 10_000 } },
  debug: { traceBorrowers: true },
  performance: { growth: 'double' },
} as const satisfies Record<string, ObjectPoolOptions<object>>;

/**
 * Objects that are used again instead of being made anew. The one that came back last is lent first. Belongs to one
 * thread. Whoever acquires an object gives it back, once; double and foreign releases are errors in every mode. Hooks
 * and callbacks may call the pool.
 *
 * Bounds are exact: a place is taken before `create` runs, and free again when the object was ended or detached or its
 * `create` failed. A hook that throws: in `create`, the request is refused with its error; in `validate` and `reset`,
 * the object is ended and the error goes to the caller, the release counting all the same; in `dispose`, the object is
 * gone, and the error goes to the caller of release(), destroy(), clear(), shrinkTo(), trim() or close() when all is done, and
 * to `onHookError` where the caller only wanted an object.
 */
export class ObjectPool<T extends object> extends PoolBase<T> {
  private readonly stack: PoolEntry<T>[] = [];
  private readonly shrink: ShrinkPolicy | null;
  private readonly mostIdle: number;
  private readonly resets: boolean;

  /**
   * @param hooks what makes, resets, tests and ends objects; or the function that makes them
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and what `create` throws for the first ones
   */
  constructor(hooks: PoolHooks<T> | (() => T), options?: ObjectPoolOptions<T>) {
    const where = 'ObjectPool';
    const own = readHooks(where, hooks);
    const given = checkOptions<ObjectPoolOptions<T>>(where, options, [...SYNC_POOL_OPTIONS, 'shrink']);
    const settings = readSyncPoolOptions(where, given, { name: 'object-pool', validates: own.validate !== undefined });
    super(settings, own);
    this.shrink = given.shrink === undefined ? null : new ShrinkPolicy(where, given.shrink);
    this.mostIdle = Math.min(settings.maxIdle, 2 ** 30); // a small integer compares faster
    this.resets = own.reset !== undefined;
    this.warm();
  }

  /** For services: what was not needed for ten thousand releases is ended. */
  static production<T extends object>(hooks: PoolHooks<T> | (() => T), more?: ObjectPoolOptions<T>): ObjectPool<T> {
    return new ObjectPool(hooks, overPreset('ObjectPool.production', OBJECT_POOL_PRESETS.production, more));
  }
  /** For finding mistakes: leaks() says who holds what. */
  static debug<T extends object>(hooks: PoolHooks<T> | (() => T), more?: ObjectPoolOptions<T>): ObjectPool<T> {
    return new ObjectPool(hooks, overPreset('ObjectPool.debug', OBJECT_POOL_PRESETS.debug, more));
  }
  /** For speed: doubles when it has to grow. Its checks are those of every pool. */
  static performance<T extends object>(hooks: PoolHooks<T> | (() => T), more?: ObjectPoolOptions<T>): ObjectPool<T> {
    return new ObjectPool(hooks, overPreset('ObjectPool.performance', OBJECT_POOL_PRESETS.performance, more));
  }

  override acquire(): T {
    const { stack } = this;
    if (!this.plain || stack.length === 0) return super.acquire();
    const entry = stack.pop()!;
    entry.state = LENT;
    this.acquires += 1;
    this.lent += 1;
    if (this.lent > this.peakLent) this.peakLent = this.lent;
    if (this.shrink !== null && stack.length < this.shrink.low) this.shrink.low = stack.length;
    return entry.object;
  }

  override tryAcquire(): T | undefined {
    return this.plain && this.stack.length > 0 ? this.acquire() : super.tryAcquire();
  }

  override release(object: T): void {
    const entry = entryOf(object);
    const { stack } = this;
    // What nobody else has to be told of, in the fewest steps.
    if (
      entry !== undefined &&
      entry.pool === this &&
      entry.state === LENT &&
      this.plainRelease &&
      this.runner.depth === 0 &&
      stack.length < this.mostIdle
    ) {
      this.lent -= 1;
      this.releases += 1;
      if (this.resets) {
        entry.state = BUSY;
        this.reset(entry as PoolEntry<T>);
        if (this.closed || stack.length >= this.mostIdle) {
          this.endReleased(entry as PoolEntry<T>, 'release');
          return;
        }
      }
      entry.state = IDLE;
      stack.push(entry as PoolEntry<T>);
      if (this.shrink !== null) this.shrinkBy(this.shrink.afterRelease(stack.length));
    } else super.release(object);
  }

  get idle(): number {
    return this.stack.length;
  }

  protected override takeBack(entry: PoolEntry<T>, method: string): void {
    super.takeBack(entry, method);
    if (this.shrink !== null) this.shrinkBy(this.shrink.afterRelease(this.stack.length));
  }

  private shrinkBy(count: number): void {
    if (count > 0 && !this.closed) this.endSpares(Math.min(count, this.size - this.settings.minSize), 'release');
  }

  protected entryFor(object: T): PoolEntry<T> {
    return new PoolEntry(object, this);
  }

  protected takeIdle(): PoolEntry<T> | undefined {
    const entry = this.stack.pop();
    if (this.shrink !== null && this.stack.length < this.shrink.low) this.shrink.low = this.stack.length;
    return entry;
  }

  protected takeSpares(count: number): PoolEntry<T>[] {
    return this.stack.splice(0, count);
  }

  protected putIdle(entry: PoolEntry<T>): void {
    this.stack.push(entry);
  }
}
