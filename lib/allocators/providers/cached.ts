import {
  type ByteSize,
  type Clock,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  type Duration,
  describe,
  isMemoryError,
  memoryError,
  overPreset,
  parseBytes,
  parseDuration,
  type RegionProvider,
} from '../../core';
import type { Region } from '../../platform';
import { acquireFrom, emptiesViews, isProvider } from '../base';
import { PROVIDER_KEYS, ProviderBase, type ProviderOptions, type RenewingProvider } from './base';
import { isExhausted, type ProviderStats } from './books';
import { type Cached, CacheStore } from './cache-store';
import { canDecommit, clear } from './clearing';
import { DecayCurve } from './decay';
import { PageProvider } from './page';

/** Calls `work` every `everyMs` milliseconds until the returned function is called. Must not keep the process alive. */
export type IntervalTimer = (work: () => void, everyMs: number) => () => void;

/** How {@link CachedProvider} keeps and reuses. */
export interface CachedProviderOptions extends ProviderOptions {
  /** Most bytes kept; the oldest regions go first. Default 256 MiB. */
  readonly maxCachedBytes?: ByteSize;
  /** After this time everything that nobody asked for again is back at the system. 0: keep nothing; null: for ever. Default 10 s. */
  readonly decayMs?: Duration | null;
  /** Large regions are given back in parts of this size: that of a huge page, so that none is broken up. Default 2 MiB. */
  readonly unitBytes?: ByteSize;
  /**
   * `safe` (default): the views of the former holder are emptied, and what escaped (transferred or shared buffers) reads
   * zeros. `fast`: they stay as they are, and the next holder's bytes show through them: only for owners that let no view
   * out and drop their own.
   */
  readonly reuse?: 'safe' | 'fast';
  /** Reused regions begin as zeros. Default true; without, with whatever the former holder left. */
  readonly zero?: boolean;
  readonly clock?: Clock;
  readonly timer?: IntervalTimer;
}

export interface CachedProviderStats extends ProviderStats {
  /** Bytes given back by the decay, by `trim` and for want of room, so far. */
  readonly decayedBytes: number;
  readonly trimmedBytes: number;
  readonly evictedBytes: number;
  /** Regions that could not be kept: too large, locked, or reachable by a handle or name that is out. */
  readonly unkept: number;
}

const MIB = 2 ** 20;
const KEYS = ['maxCachedBytes', 'decayMs', 'unitBytes', 'reuse', 'zero', 'clock', 'timer'] as const;

const unrefInterval: IntervalTimer = (work, everyMs) => {
  const timer = setInterval(work, Math.min(everyMs, 2 ** 31 - 1)).unref(); // a longer one would run at once
  return () => clearInterval(timer);
};

/**
 * Keeps released regions of another provider and hands them out again, which saves the system calls and above all the faults
 * of fresh pages. What nobody asks for fades back to the system over `decayMs`, on a smooth curve.
 *
 * A region that is handed out again is a new Region object on the same pages, so that releasing twice is always noticed. A
 * `budget` is charged for what is mapped, handed out or kept; kept regions are given up before a request is refused.
 * One unref'd timer runs while something is kept.
 */
export class CachedProvider extends ProviderBase {
  private readonly upstream: RegionProvider;
  private readonly store: CacheStore;
  private readonly curve: DecayCurve | null;
  private readonly clock: Clock;
  private readonly timer: IntervalTimer;
  private readonly maxCachedBytes: number;
  private readonly unitBytes: number;
  private readonly views: { readonly views: 'empty' | 'keep' };
  private readonly zero: boolean;
  private stopTimer: (() => void) | null = null;
  private decayedBytes = 0;
  private trimmedBytes = 0;
  private evictedBytes = 0;
  private unkept = 0;

  /**
   * @param upstream where regions come from and go to; it is not disposed with this one. One without `renew` (not of this
   *   package) gets every region back at once
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  constructor(upstream: RegionProvider = new PageProvider(), options?: CachedProviderOptions) {
    const where = 'CachedProvider';
    if (!isProvider(upstream)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a provider is needed, got ${describe(upstream)}`);
    }
    const given = checkOptions<CachedProviderOptions>(where, options, [...PROVIDER_KEYS, ...KEYS]);
    super(where, upstream.pageBytes, given);
    const { reuse = 'safe', zero = true, decayMs = '10s', timer = unrefInterval } = given;
    this.upstream = upstream;
    this.maxCachedBytes = parseBytes(given.maxCachedBytes ?? 256 * MIB, `${where}: maxCachedBytes`);
    this.unitBytes = parseBytes(given.unitBytes ?? Math.max(2 * MIB, upstream.pageBytes), `${where}: unitBytes`);
    if (this.unitBytes === 0 || this.unitBytes % upstream.pageBytes !== 0) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${where}: unitBytes must be a multiple of the provider's pages of ${upstream.pageBytes} bytes, got ${this.unitBytes}`,
      );
    }
    this.views = { views: checkOneOf(`${where}: reuse`, reuse, ['safe', 'fast']) === 'fast' ? 'keep' : 'empty' };
    this.zero = checkBoolean(`${where}: zero`, zero);
    this.timer = checkFunction(`${where}: timer`, timer);
    this.clock = checkClock(where, given.clock);
    const decay = decayMs === null ? Number.POSITIVE_INFINITY : parseDuration(decayMs, `${where}: decayMs`);
    if (decay === 0) this.maxCachedBytes = 0;
    this.curve = decay > 0 && decay < Number.POSITIVE_INFINITY ? new DecayCurve(decay, this.clock.nowMs()) : null;
    this.store = new CacheStore(this.pageBytes);
  }

  /** Keeps nothing: every release frees, so that stale views show themselves at once. */
  static debug(upstream?: RegionProvider, more?: CachedProviderOptions): CachedProvider {
    return new CachedProvider(upstream, overPreset('CachedProvider.debug', { decayMs: 0 }, more));
  }

  /** The defaults: emptied views, zeroed memory, 256 MiB, 10 s. */
  static production(upstream?: RegionProvider, more?: CachedProviderOptions): CachedProvider {
    return new CachedProvider(upstream, more);
  }

  /** For owners that let no view out and write before they read: nothing is moved or zeroed. 1 GiB, 30 s. */
  static performance(upstream?: RegionProvider, more?: CachedProviderOptions): CachedProvider {
    return new CachedProvider(
      upstream,
      overPreset(
        'CachedProvider.performance',
        { reuse: 'fast', zero: false, maxCachedBytes: 1024 * MIB, decayMs: '30s' },
        more,
      ),
    );
  }

  override get emptiesViews(): boolean {
    return this.views.views === 'empty' && emptiesViews(this.upstream);
  }

  /**
   * A kept region of at least that size and at most a quarter more, or one from upstream. When upstream or the budget has no
   * more, everything kept is given up and asked for again once.
   */
  override acquire(byteLength: number): Region {
    const bytes = this.checkRequest('acquire', byteLength);
    for (let entry = this.store.find(bytes); entry !== undefined; entry = this.store.find(bytes)) {
      if (!this.reuse(entry)) continue;
      this.books.hits += 1;
      this.books.admit(entry.region, entry.byteLength);
      return entry.region;
    }
    try {
      return this.fetch(bytes);
    } catch (error) {
      if (isExhausted(error) && this.giveUpAll() > 0) {
        try {
          return this.fetch(bytes);
        } catch (again) {
          this.books.failures += 1;
          throw again;
        }
      }
      this.books.failures += 1;
      throw error;
    }
  }

  /** Takes the entry out and makes it fit to be seen; one that cannot be is given back. */
  private reuse(entry: Cached): boolean {
    const { region, byteLength, keptBytes, step } = entry;
    this.store.remove(entry);
    this.curve?.take(step, byteLength);
    try {
      if (this.zero) clear(region, keptBytes);
      return true;
    } catch {
      // Its file was truncated, or the like: nothing for a new holder.
      this.letBack(region);
      this.books.discharge(byteLength);
      return false;
    }
  }

  private fetch(bytes: number): Region {
    return this.obtain(bytes, (pages) => this.map(pages));
  }

  private giveUpAll(): number {
    const before = this.store.keptBytes;
    this.evictedBytes += this.shrinkTo(0).freed;
    return before - this.store.keptBytes + this.upstream.trim();
  }

  /**
   * Takes a region back and keeps it, if it may be kept. Its Region object is freed either way.
   *
   * @throws as PageProvider.release; ERR_MEMORY_IN_USE for a pinned region, which stays live
   */
  override release(region: Region): void {
    const bytes = this.books.bytesOf(this.where('release'), this.name, region);
    const nowMs = this.curve === null ? 0 : this.clock.nowMs(); // first: it may throw, and the rest must be done as a whole
    const kept = region.state === 'live' ? this.renewed(region, bytes) : null;
    if (kept === null) {
      if (region.state === 'live') this.upstream.release(region);
      else this.letBack(region);
      this.unkept += 1;
      this.books.dismiss(region, bytes);
      this.books.discharge(bytes);
      return;
    }
    // The books hold it meanwhile: upstream and the budget are somebody else's code, and could end this provider.
    this.books.swap(region, kept, bytes);
    this.decay(nowMs);
    if (this.store.keptBytes + bytes > this.maxCachedBytes) {
      const { freed, parts } = this.shrinkTo(this.maxCachedBytes - bytes);
      this.evictedBytes += freed + parts;
    }
    this.books.dismiss(kept, bytes);
    if (this.store.size === 0 && this.stopTimer === null) this.curve?.restart(nowMs);
    this.store.add(kept, bytes, this.curve?.add(bytes) ?? 0);
    this.watch();
  }

  /** Another Region on the same pages; null where this one cannot be used again. @throws ERR_MEMORY_IN_USE */
  private renewed(region: Region, bytes: number): Region | null {
    const { renew } = this.upstream as Partial<RenewingProvider>;
    if (bytes > this.maxCachedBytes || typeof renew !== 'function') return null;
    try {
      return renew.call(this.upstream, region, this.views);
    } catch (error) {
      if (isMemoryError(error) && error.code !== 'ERR_MEMORY_IN_USE') return null;
      throw error;
    }
  }

  protected override renewRegion(region: Region, options: { readonly views?: 'empty' | 'keep' } | undefined): Region {
    const { renew } = this.upstream as Partial<RenewingProvider>;
    if (typeof renew === 'function') return renew.call(this.upstream, region, options);
    throw memoryError('ERR_MEMORY_UNSUPPORTED', `${this.where('renew')}: ${this.upstream.name} cannot renew regions`);
  }

  /**
   * Gives kept memory back, the oldest first, until at most `keepBytes` are left; upstream's too.
   *
   * @returns bytes given back to the system
   */
  override trim(keepBytes: number = 0): number {
    const keep = checkInteger(`${this.where('trim')}: keepBytes`, keepBytes);
    const before = cachedBytesOf(this.upstream);
    const { freed, parts } = this.shrinkTo(keep);
    const moved = Math.max(0, cachedBytesOf(this.upstream) - before); // kept by upstream instead
    const given = freed + parts - moved + this.upstream.trim(Math.max(0, keep - this.store.keptBytes));
    this.trimmedBytes += freed + parts;
    this.watch();
    return given;
  }

  override stats(): CachedProviderStats {
    const { decayedBytes, trimmedBytes, evictedBytes, unkept } = this;
    const kept = { cachedRegions: this.store.size, cachedBytes: this.store.keptBytes };
    return Object.freeze({ ...this.numbers(), ...kept, decayedBytes, trimmedBytes, evictedBytes, unkept });
  }

  /** Gives back everything kept. Upstream is left as it is. */
  protected override letGo(): void {
    this.trimmedBytes += this.shrinkTo(0).freed;
    this.watch();
    const { size } = this.store;
    if (size === 0) return;
    throw memoryError('ERR_MEMORY_IN_USE', `${this.where('dispose')}: upstream does not take back ${size} regions`, {
      source: this.name,
    });
  }

  protected override unmap(region: Region): void {
    this.upstream.release(region);
  }

  protected override forget(region: Region): void {
    this.letBack(region);
  }

  protected map(byteLength: number): Region {
    return acquireFrom(this.where('acquire'), this.upstream, byteLength);
  }

  /** Gives back what the curve has no room for any more: never so much that less is kept than it allows. */
  private decay(nowMs: number): void {
    if (this.curve?.advance(nowMs) !== true) return;
    const { freed, parts } = this.shrinkTo(this.curve.limitBytes(), true);
    this.decayedBytes += freed + parts;
  }

  /**
   * Oldest first; large regions lose their last units before they go as a whole. With `gently` a unit or region stays while
   * less than all of it is too much.
   */
  private shrinkTo(limitBytes: number, gently: boolean = false): { readonly freed: number; readonly parts: number } {
    const { store, unitBytes } = this;
    let freed = 0;
    let parts = 0;
    for (const entry of store.oldestFirst()) {
      const excess = store.keptBytes - limitBytes;
      if (!(excess > 0)) break;
      if (entry.leaving) continue; // upstream has called back
      const { keptBytes } = entry;
      const whole = Math.floor((keptBytes - excess) / unitBytes) * unitBytes;
      const left = gently && whole < keptBytes - excess ? whole + unitBytes : whole;
      if (left > 0 && left < keptBytes && canDecommit(entry.region) && this.cut(entry, left)) {
        parts += keptBytes - left;
      } else if ((!gently || excess >= keptBytes) && this.drop(entry)) {
        freed += keptBytes;
      }
    }
    return { freed, parts };
  }

  private cut(entry: Cached, leftBytes: number): boolean {
    try {
      entry.region.decommit({ offset: leftBytes, length: entry.keptBytes - leftBytes });
    } catch {
      return false; // then the whole region goes
    }
    this.store.shrink(entry, leftBytes);
    return true;
  }

  private drop(entry: Cached): boolean {
    entry.leaving = true;
    try {
      if (!this.letBack(entry.region)) return false; // tried again at the next step
    } finally {
      entry.leaving = false;
    }
    this.store.remove(entry);
    this.books.discharge(entry.byteLength);
    return true;
  }

  private watch(): void {
    if (this.store.size === 0) {
      this.stopTimer?.();
      this.stopTimer = null;
    } else if (this.curve !== null && this.stopTimer === null) {
      this.stopTimer = this.timer(() => {
        this.decay(this.clock.nowMs());
        this.watch();
      }, this.curve.stepMs);
    }
  }
}

/** What a provider keeps for reuse, in bytes; 0 where it does not say. */
export function cachedBytesOf(provider: RegionProvider): number {
  const { stats } = provider as { stats?: () => Partial<ProviderStats> };
  return typeof stats === 'function' ? (stats.call(provider).cachedBytes ?? 0) : 0;
}
