import { PoolBase, type PoolHooks, readHooks, readSyncPoolOptions } from '../base';
import { PoolEntry } from '../base/entry';
import { readTtlOptions, type TtlPoolOptions, type TtlSettings } from './options';
import { Link, Order } from './order';

class TtlEntry<T extends object> extends PoolEntry<T> {
  readonly madeMs: number;
  idleSinceMs: number;
  readonly byIdle: Link<TtlEntry<T>> = new Link(this);
  readonly byAge: Link<TtlEntry<T>> = new Link(this);

  constructor(object: T, pool: object, nowMs: number) {
    super(object, pool);
    this.madeMs = nowMs;
    this.idleSinceMs = nowMs;
  }
}

/**
 * A pool whose objects expire: when they were idle for `idleMs`, and when they were made `maxAgeMs` ago. What has expired
 * is never lent. Its place is free as soon as it is ended: by the next acquire() or release() of whatever object, by sweep(),
 * or by the timer. The object that came back last is lent first, so that the others can expire. A lent object does not
 * expire before it comes back. Belongs to one thread.
 *
 * The rest is as in {@link ObjectPool}. `minSize` does not keep what has expired.
 */
export class TtlPool<T extends object> extends PoolBase<T, TtlEntry<T>> {
  private readonly limits: TtlSettings;
  /** The idle ones, in the order in which they came back. */
  private readonly idlers = new Order<TtlEntry<T>>();
  /** All but those that were lent when their time came, in the order in which they were made. */
  private readonly ages = new Order<TtlEntry<T>>();
  private nowMs = Number.NEGATIVE_INFINITY;
  private timer: unknown = null;

  /**
   * @param hooks what makes, resets, tests and ends objects; or the function that makes them
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and what `create` throws for the first ones
   */
  constructor(hooks: PoolHooks<T> | (() => T), options?: TtlPoolOptions<T>) {
    const where = 'TtlPool';
    const own = readHooks(where, hooks);
    const { shared, own: limits } = readTtlOptions(where, options);
    super(readSyncPoolOptions(where, shared, { name: 'ttl-pool', validates: own.validate !== undefined }), own);
    this.limits = limits;
    if (this.lookAtClock() === Number.NEGATIVE_INFINITY) this.nowMs = 0; // a clock that shows nothing yet
    this.warm();
  }

  get idle(): number {
    return this.idlers.length;
  }

  /** Milliseconds for which the object that was idle longest has been so; 0 where none is. */
  get oldestIdleMs(): number {
    const { oldest } = this.idlers;
    return oldest === null ? 0 : this.lookAtClock() - oldest.entry.idleSinceMs;
  }

  /**
   * Ends what has expired. Costs as much as there is of it.
   *
   * @returns how many were ended
   * @throws what `dispose` threw, after all of them
   */
  sweep(): number {
    this.lookAtClock();
    const expired = this.takeExpired();
    const failures: unknown[] = [];
    this.expire(expired, failures);
    this.throwAll(failures, 'sweep');
    return expired.length;
  }

  override reserve(count: number): number {
    this.lookAtClock();
    this.expireNow();
    return super.reserve(count);
  }

  override close(): void {
    this.stopTimer();
    super.close();
  }

  protected override serve(method: string): TtlEntry<T> | undefined {
    if (!this.closed) this.lookAtClock();
    return super.serve(method);
  }

  protected override takeBack(entry: TtlEntry<T>, method: string): void {
    this.lookAtClock();
    super.takeBack(entry, method);
    this.expireNow();
  }

  protected override unwanted(entry: TtlEntry<T>): boolean {
    if (this.nowMs - entry.madeMs < this.limits.maxAgeMs) return super.unwanted(entry);
    this.expired += 1;
    return true;
  }

  protected entryFor(object: T): TtlEntry<T> {
    const entry = new TtlEntry(object, this, this.nowMs);
    if (this.limits.maxAgeMs !== Number.POSITIVE_INFINITY) this.ages.push(entry.byAge);
    return entry;
  }

  protected takeIdle(): TtlEntry<T> | undefined {
    // By the clock of serve(). The `dispose` of those that expire may take its time, in which others do.
    for (let tries = this.idle; tries > 0 && this.anyExpired(); tries -= 1) {
      this.expire(this.takeExpired());
      this.lookAtClock();
    }
    const { newest } = this.idlers;
    if (newest === null || this.hasExpired(newest.entry)) return undefined;
    this.idlers.remove(newest);
    return newest.entry;
  }

  protected takeSpares(count: number): TtlEntry<T>[] {
    const spares: TtlEntry<T>[] = [];
    while (spares.length < count && this.idlers.oldest !== null) spares.push(this.takeOut(this.idlers.oldest));
    return spares;
  }

  protected putIdle(entry: TtlEntry<T>): void {
    entry.idleSinceMs = this.nowMs;
    this.idlers.push(entry.byIdle);
    if (this.timer === null) this.startTimer();
  }

  protected override left(entry: TtlEntry<T>): void {
    this.ages.remove(entry.byAge);
  }

  /** The time, which never runs backwards here whatever the clock says. */
  private lookAtClock(): number {
    const nowMs = this.limits.clock.nowMs();
    if (nowMs > this.nowMs) this.nowMs = nowMs;
    return this.nowMs;
  }

  private hasExpired(entry: TtlEntry<T>): boolean {
    const { idleMs, maxAgeMs } = this.limits;
    return this.nowMs - entry.idleSinceMs >= idleMs || this.nowMs - entry.madeMs >= maxAgeMs;
  }

  /** Whether the oldest idle one, or the oldest of all, has expired: only then there is something to look for. */
  private anyExpired(): boolean {
    const idle = this.idlers.oldest;
    if (idle !== null && this.nowMs - idle.entry.idleSinceMs >= this.limits.idleMs) return true;
    const old = this.ages.oldest;
    return old !== null && this.nowMs - old.entry.madeMs >= this.limits.maxAgeMs;
  }

  private takeExpired(): TtlEntry<T>[] {
    const { nowMs } = this;
    const { idleMs, maxAgeMs } = this.limits;
    const expired: TtlEntry<T>[] = [];
    for (let at = this.idlers.oldest; at !== null && nowMs - at.entry.idleSinceMs >= idleMs; at = this.idlers.oldest) {
      expired.push(this.takeOut(at));
    }
    for (let at = this.ages.oldest; at !== null && nowMs - at.entry.madeMs >= maxAgeMs; at = this.ages.oldest) {
      this.ages.remove(at);
      // One that is lent is looked at again when it comes back.
      if (at.entry.byIdle.linked) expired.push(this.takeOut(at.entry.byIdle));
    }
    return expired;
  }

  private takeOut(link: Link<TtlEntry<T>>): TtlEntry<T> {
    this.idlers.remove(link);
    this.ages.remove(link.entry.byAge);
    return link.entry;
  }

  private expireNow(): void {
    if (this.anyExpired()) this.expire(this.takeExpired());
  }

  /** One timer at most, for whatever expires first; it is not moved by what happens meanwhile. */
  private startTimer(): void {
    const { timer, timers, idleMs, maxAgeMs } = this.limits;
    const { oldest } = this.idlers;
    if (!timer || oldest === null) return;
    const age = this.ages.oldest;
    const dueMs = Math.min(oldest.entry.idleSinceMs + idleMs, age === null ? Infinity : age.entry.madeMs + maxAgeMs);
    this.timer = timers.start(() => this.onTimer(), Math.max(1, Math.ceil(dueMs - this.nowMs)));
  }

  private onTimer(): void {
    this.timer = null;
    if (this.closed) return;
    this.lookAtClock();
    this.expireNow();
    if (this.timer === null) this.startTimer();
  }

  private stopTimer(): void {
    if (this.timer !== null) this.limits.timers.stop(this.timer);
    this.timer = null;
  }
}
