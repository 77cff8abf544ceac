import { siteOf } from './borrowers';
import { BUSY, entryOf, GONE, IDLE, LEASED, LENT, noteEntry, type PoolEntry } from './entry';
import { doubleRelease, exhausted, foreignRelease, ownedAlready, poolClosed, reentrant, severalFailed } from './errors';
import { HookRunner } from './hook-runner';
import type { SyncPoolSettings } from './options';
import type { PoolHooks } from './pool';

/**
 * The books of a pool of one thread with synchronous hooks: what state each object is in, and how it gets into another.
 * A sub-class says in which order objects are lent and ended.
 *
 * Each object is in exactly one state, and what is in the hands of a hook or callback is in a state of its own, so that
 * hooks may call the pool: its books are right at every call. `size` counts what is idle, lent, or in such hands.
 */
export abstract class PoolBooks<T extends object, E extends PoolEntry<T> = PoolEntry<T>> {
  readonly name: string;
  protected readonly settings: SyncPoolSettings<T>;
  protected readonly runner: HookRunner<T>;
  protected readonly borrowers: Map<E, string> | null;
  /** Whether acquire() has nothing to do but to take and to count. */
  protected plain: boolean;
  /** Whether release() has nothing to do but to reset, to put back and to count. */
  protected plainRelease: boolean;
  protected lent = 0;
  protected acquires = 0;
  protected peakLent = 0;
  protected releases = 0;
  protected total = 0;
  protected ended = false;
  protected misses = 0;
  protected refusals = 0;
  protected creates = 0;
  protected disposals = 0;
  protected detached = 0;
  protected invalid = 0;
  protected expired = 0;
  protected peakTotal = 0;

  /** A sub-class ends its own constructor with warm(). */
  protected constructor(settings: SyncPoolSettings<T>, hooks: PoolHooks<T>) {
    this.name = settings.name;
    this.settings = settings;
    this.runner = new HookRunner(settings.name, hooks, settings.callbacks);
    this.borrowers = settings.traceBorrowers ? new Map() : null;
    const { callbacks, traceBorrowers } = settings;
    this.plain = !this.testsOn('acquire') && callbacks.onAcquire === undefined && !traceBorrowers;
    this.plainRelease = !this.testsOn('release') && callbacks.onRelease === undefined && !traceBorrowers;
  }

  abstract get idle(): number;
  protected abstract entryFor(object: T): E;
  /** Takes out the one to lend next. */
  protected abstract takeIdle(): E | undefined;
  /** Takes out those that are missed least; there are as many. */
  protected abstract takeSpares(count: number): E[];
  protected abstract putIdle(entry: E): void;
  /** Called for each that was ended or detached. */
  protected left(_entry: E): void {}

  /** Makes what the pool begins with. A failure ends those that were made. */
  protected warm(): void {
    try {
      for (let left = this.settings.initialSize; left > 0; left -= 1) this.putNew(this.make('constructor'));
    } catch (error) {
      this.ended = true;
      this.stopShortCuts();
      this.endAll(this.takeSpares(this.idle));
      throw error;
    }
  }

  /**
   * An object for a request, counted as lent; undefined at the bound. `pick` chooses among the idle ones, and with
   * `mayMake` false none is made.
   */
  protected serve(method: string, pick?: () => E | undefined, mayMake: boolean = true): E | undefined {
    try {
      this.checkOpen(method);
      // Hooks may put others back meanwhile: no more are tried than there were.
      for (let tries = this.idle; tries > 0; tries -= 1) {
        const entry = pick === undefined ? this.takeIdle() : pick();
        if (entry === undefined) break;
        entry.state = BUSY;
        if (this.fit(entry, 'acquire', method)) return this.lend(entry, method);
        this.checkOpen(method);
      }
      if (mayMake && this.total < this.settings.maxSize) return this.serveNew(method);
    } catch (error) {
      this.refusals += 1;
      throw error;
    }
    this.refusals += 1;
    return undefined;
  }

  protected refuse(method: string): Error {
    return exhausted(this.name, method, this.lent, this.settings.maxSize);
  }

  /** Ends some that are in nobody's hands; what fails goes to the counters and to onHookError. */
  protected endAll(entries: readonly E[], failures?: unknown[]): void {
    for (const entry of entries) this.end(entry, failures);
  }

  /** As endAll(), for those that were too old. */
  protected expire(entries: readonly E[], failures?: unknown[]): void {
    this.expired += entries.length;
    this.endAll(entries, failures);
  }

  /** Called for each that came back, before it is idle; true to have it ended. For policies of sub-classes. */
  protected unwanted(_entry: E): boolean {
    return this.idle >= this.settings.maxIdle;
  }

  /** The entry of an object that this pool has lent. @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE */
  protected borrowedEntry(object: T, method: string): E {
    const entry = entryOf(object);
    if (entry !== undefined && entry.pool === this) {
      if (entry.state === LENT || entry.state === LEASED) return entry as E;
      if (entry.state !== BUSY) throw doubleRelease(this.name, method);
      throw reentrant(this.name, method, 'object’s own');
    }
    throw foreignRelease(this.name, method, 'this object');
  }

  /** Takes a lent object back: the release counts, whatever the hooks do. */
  protected takeBack(entry: E, method: string): void {
    this.runner.checkDepth(method);
    this.count(entry);
    this.releases += 1;
    this.runner.tell(this.runner.callbacks.onRelease, entry.object);
    if (this.runner.hooks.reset !== undefined && !this.ended) this.reset(entry);
    if (this.testsOn('release') && !this.ended && !this.fit(entry, 'release', method)) return;
    if (this.ended || this.unwanted(entry)) {
      this.endReleased(entry, method);
      return;
    }
    this.putFree(entry);
  }

  /** Makes one that came back fit for the next holder; one that cannot be is ended. */
  protected reset(entry: E): void {
    try {
      this.runner.reset(entry.object);
    } catch (error) {
      this.end(entry);
      throw error;
    }
  }

  /** Ends one whose release counted already. */
  protected endReleased(entry: E, method: string): void {
    const failures: unknown[] = [];
    this.end(entry, failures);
    this.throwAll(failures, method);
  }

  protected throwAll(failures: readonly unknown[], method: string): void {
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw severalFailed(this.name, method, failures);
  }

  protected checkOpen(method: string): void {
    if (this.ended) throw poolClosed(this.name, method);
    this.runner.checkDepth(method);
  }

  protected endSpares(count: number, method: string): number {
    const spares = this.takeSpares(Math.max(0, Math.min(this.idle, count)));
    const failures: unknown[] = [];
    this.endAll(spares, failures);
    this.throwAll(failures, method);
    return spares.length;
  }

  protected stopShortCuts(): void {
    this.plain = false;
    this.plainRelease = false;
  }

  private testsOn(when: 'acquire' | 'release'): boolean {
    const { validateOn } = this.settings;
    return validateOn === when || validateOn === 'both';
  }

  private serveNew(method: string): E {
    const entry = this.make(method);
    this.growBy(this.settings.step(this.total - 1) - 1, method);
    if (!this.ended) {
      const lent = this.lend(entry, method);
      this.misses += 1;
      return lent;
    }
    this.end(entry);
    throw poolClosed(this.name, method);
  }

  /** Makes idle ones ahead. The request is served whether that works or not. */
  private growBy(count: number, method: string): void {
    try {
      for (let left = count; left > 0 && !this.ended && this.roomForIdle(); left -= 1) this.putNew(this.make(method));
    } catch (error) {
      if (!this.ended) this.runner.report(error, 'create');
    }
  }

  protected roomForIdle(): boolean {
    return this.total < this.settings.maxSize && this.idle < this.settings.maxIdle;
  }

  /** One made ahead. Hooks may have filled its place among the idle ones. */
  protected putNew(entry: E): void {
    if (this.idle < this.settings.maxIdle) this.putFree(entry);
    else this.end(entry);
  }

  private putFree(entry: E): void {
    entry.state = IDLE;
    this.putIdle(entry);
  }

  /** A new object, in nobody's hands. Its place is taken before the hook runs. */
  protected make(method: string): E {
    this.total += 1;
    let entry: E | undefined;
    try {
      entry = this.adopt(this.runner.create(method), method);
    } finally {
      if (entry === undefined) this.total -= 1;
    }
    this.creates += 1;
    if (this.total > this.peakTotal) this.peakTotal = this.total;
    this.runner.tell(this.runner.callbacks.onCreate, entry.object);
    if (!this.ended) return entry;
    this.end(entry);
    throw poolClosed(this.name, method);
  }

  private adopt(object: T, method: string): E {
    const former = entryOf(object);
    if (former !== undefined && former.state !== GONE) {
      this.runner.hookErrors += 1;
      throw ownedAlready(this.name, method, former.pool === this ? 'this pool' : 'another pool');
    }
    const entry = this.entryFor(object);
    noteEntry(object, entry);
    return entry;
  }

  /** Asks `validate`; one that is not fit, or for which it fails, is ended. */
  private fit(entry: E, when: 'acquire' | 'release', method: string): boolean {
    if (!this.testsOn(when)) return true;
    let verdict = false;
    try {
      verdict = this.runner.validate(entry.object);
    } finally {
      if (!verdict) {
        this.invalid += 1;
        this.end(entry);
      }
    }
    if (!verdict || when === 'release' || !this.ended) return verdict;
    this.end(entry);
    throw poolClosed(this.name, method);
  }

  private lend(entry: E, method: string): E {
    this.runner.tell(this.runner.callbacks.onAcquire, entry.object);
    if (this.borrowers !== null)
      this.borrowers.set(entry, siteOf((this as unknown as Record<string, unknown>)[method]));
    entry.state = LENT;
    this.acquires += 1;
    this.lent += 1;
    if (this.lent > this.peakLent) this.peakLent = this.lent;
    return entry;
  }

  /** Out of the borrower's hands. */
  private count(entry: E): void {
    entry.state = BUSY;
    entry.lease = null;
    this.lent -= 1;
    this.borrowers?.delete(entry);
  }

  protected letGo(entry: E): void {
    this.count(entry);
    entry.state = GONE;
    noteEntry(entry.object, undefined);
    this.total -= 1;
    this.detached += 1;
    this.left(entry);
  }

  protected endBorrowed(entry: E, method: string): void {
    this.count(entry);
    this.endReleased(entry, method);
  }

  /** Ends one in nobody's hands. It is gone and its place free afterwards, whatever `dispose` does. */
  private end(entry: E, failures?: unknown[]): void {
    entry.state = BUSY;
    this.runner.dispose(entry.object, failures);
    entry.state = GONE;
    this.total -= 1;
    this.disposals += 1;
    this.left(entry);
    this.runner.tell(this.runner.callbacks.onDispose, entry.object);
  }
}
