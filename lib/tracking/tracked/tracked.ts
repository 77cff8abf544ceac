import { type Allocator, checkInteger, checkOptions, type MemoryError, memoryError } from '../../core';
import { AllocatorAdaptor, BlockBook, nameIn } from '../base';
import { ScopedCounters, type TrackedCounters } from './counters';
import { readTrackedOptions, type TrackedOptions, type TrackedSettings, type TrackingLevel } from './levels';
import type { PresenceScope } from './presence';
import { describeLeaks, LEAKS_FORMAT, LEAKS_VERSION, type LeakReport } from './report';
import { SiteTable } from './sites';
import { captureFrames, captureKey } from './stack';

const FILTER_SLOTS = 4096;
const FILTER_SHIFT = 32 - 12;
const FULL = 255;

/** A recorded block that lives. */
export interface OutstandingBlock {
  readonly offset: number;
  readonly byteLength: number;
  /** Where it was allocated, nearest frame first. */
  readonly frames: readonly string[];
}

/**
 * Knows who holds what: counters with nested scopes, the places that allocated what lives, and at level `paranoid` an
 * error for every wrong free, with the place of the block's allocation. Nothing is kept in the blocks.
 *
 * Blocks that the inner allocator handed out before may be freed through it; they are not counted, and no counter goes
 * below 0. At `paranoid` a block that did not come from this tracker is ERR_MEMORY_FOREIGN_FREE if there were none of before;
 * if there were, one that somebody took past the tracker later cannot be told from them, and is let through as well. A reset
 * ends that.
 */
export class TrackedAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  /** How much it records. */
  readonly level: TrackingLevel;
  private readonly settings: TrackedSettings;
  private readonly tracking: boolean;
  private readonly exact: boolean;
  /** Level `off` or `paranoid`, whose frees are other ones. */
  private readonly special: boolean;
  /**
   * How many recorded blocks share a slot, by offset: nearly every free meets a 0 here and looks no further. Asking the
   * table itself costs several times as much.
   */
  private readonly filter = new Uint8Array(FILTER_SLOTS);
  private readonly book = new BlockBook();
  private readonly sites: SiteTable;
  private readonly tallies = new ScopedCounters();
  /** Number of the next allocation that is recorded. */
  private next: number;
  private random: number;
  /** Number of the latest recorded allocation. */
  private latest = 0;
  /** True while blocks of before may live. How many is of no use: a foreign one among them looks the same. */
  private hasEarlier: boolean;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: TrackedOptions = {}) {
    super('tracked', inner, nameIn(options));
    this.settings = readTrackedOptions(options);
    this.level = this.settings.level;
    this.tracking = this.level !== 'off';
    this.exact = this.level === 'paranoid';
    this.special = this.exact || !this.tracking;
    this.sites = new SiteTable(this.settings.maxSites);
    this.random = this.settings.seed;
    this.next = this.distance();
    this.hasEarlier = inner.stats().liveAllocations > 0;
  }

  // These three are kept short: the compiler takes a method and what is inside of it into its caller up to a sum of their
  // lengths, and past it a pair costs a fifth more.

  override allocate(byteLength: number, alignment?: number): number {
    const offset = this.inner.allocate(byteLength, alignment);
    if (this.tracking && this.tallies.add(byteLength) === this.next) this.record(offset, byteLength, 'allocate');
    return offset;
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    const offset = this.inner.tryAllocate(byteLength, alignment);
    if (offset === -1 || !this.tracking) return offset;
    if (this.tallies.add(byteLength) === this.next) this.record(offset, byteLength, 'tryAllocate');
    return offset;
  }

  override deallocate(offset: number, byteLength: number): void {
    if (this.special) {
      this.deallocateSpecially(offset, byteLength);
      return;
    }
    const { latest } = this;
    this.inner.deallocate(offset, byteLength);
    this.settle(offset, byteLength, latest);
  }

  /** Counters of the innermost scope; of everything since construction when no scope is open. */
  counters(): TrackedCounters {
    return this.tallies.snapshot();
  }

  /** Begins a scope of counters at 0. Scopes nest. */
  pushCounters(): void {
    this.tallies.push();
  }

  /** Ends the innermost scope, adds it to the one around it, and returns it. @throws ERR_MEMORY_INVALID_STATE */
  popCounters(): TrackedCounters {
    return this.tallies.pop(this.where('popCounters'));
  }

  /** The recorded blocks that live, the oldest first: all at `paranoid`, a sample at `simple` and `advanced`. */
  outstanding(): OutstandingBlock[] {
    return this.recorded(0).map(({ slot }) => {
      const { table } = this.book;
      return {
        offset: table.offsetAt(slot),
        byteLength: table.sizes[slot] ?? 0,
        frames: this.sites.framesOf(table.first[slot] ?? 0),
      };
    });
  }

  /** What lives by place. @param options.top so many sites only; default all */
  leaks(options?: { readonly top?: number }): LeakReport {
    const { top: most } = checkOptions(this.where('leaks'), options, ['top']);
    const top = checkInteger(`${this.where('leaks')}: top`, most ?? Number.MAX_SAFE_INTEGER);
    const sites = this.sites.holding();
    const total = this.tallies.total();
    return {
      format: LEAKS_FORMAT,
      version: LEAKS_VERSION,
      name: this.name,
      level: this.level,
      sampleInterval: this.settings.interval,
      liveAllocations: total.allocations,
      liveBytes: total.bytes,
      recordedAllocations: sites.reduce((sum, site) => sum + site.allocations, 0),
      recordedBytes: sites.reduce((sum, site) => sum + site.bytes, 0),
      sites: sites.slice(0, top),
      omittedSites: Math.max(0, sites.length - top),
    };
  }

  /**
   * For the end of a test or a shutdown.
   *
   * @throws ERR_MEMORY_INVALID_STATE with the first places when anything lives that went through this tracker, and at
   *   level `off`, which cannot tell
   */
  assertNoLeaks(): void {
    if (!this.tracking) throw this.tooLow('assertNoLeaks', 'simple');
    const report = this.leaks();
    if (report.liveAllocations > 0 || report.recordedAllocations > 0) throw this.leaked('assertNoLeaks', report);
  }

  /**
   * Begins a stretch in which everything that is allocated must be freed; `using` ends it. Stretches may overlap.
   *
   * @throws ERR_MEMORY_INVALID_STATE below level `paranoid`
   */
  enterPresence(): PresenceScope {
    if (!this.exact) throw this.tooLow('enterPresence', 'paranoid');
    const start = this.latest;
    let open = true;
    const leave = (): void => {
      if (!open) return;
      open = false;
      this.checkPresence(start);
    };
    return { leave, [Symbol.dispose]: leave };
  }

  protected override onCleared(): void {
    this.book.clear();
    this.filter.fill(0);
    this.sites.clearLive();
    this.tallies.removeAll();
    this.hasEarlier = false;
  }

  protected override onPartlyCleared(): void {
    const { table } = this.book;
    const offsets = this.recorded(0).map(({ slot }) => table.offsetAt(slot)); // slots move when a block is taken out
    for (const offset of offsets.filter((each) => !this.inner.owns(each))) {
      const size = table.sizes[table.find(offset)] ?? 0;
      this.forget(offset, this.latest);
      if (this.settings.interval === 1) this.tallies.remove(size);
    }
    if (this.settings.interval === 1) return;
    // Most blocks are only counted: no more can live than do inside.
    const { liveAllocations, usedBytes } = this.inner.stats();
    this.tallies.keepAtMost(liveAllocations, usedBytes);
  }

  private settle(offset: number, byteLength: number, latest: number): void {
    this.tallies.remove(byteLength);
    if (this.filter[Math.imul(offset, 0x9e3779b1) >>> FILTER_SHIFT] !== 0) this.forget(offset, latest);
  }

  private deallocateSpecially(offset: number, byteLength: number): void {
    if (this.tracking) this.deallocateExactly(offset, byteLength);
    else this.inner.deallocate(offset, byteLength);
  }

  private deallocateExactly(offset: number, byteLength: number): void {
    const { latest } = this;
    if (this.isEarlier(offset, byteLength)) {
      this.inner.deallocate(offset, byteLength);
      if (this.book.table.find(offset) === -1) this.book.remember(offset); // else handed out again meanwhile
      return;
    }
    this.inner.deallocate(offset, byteLength);
    this.tallies.remove(byteLength);
    this.forget(offset, latest);
  }

  private record(offset: number, byteLength: number, method: 'allocate' | 'tryAllocate'): void {
    try {
      this.book.table.prepare();
    } catch (error) {
      this.tallies.undo(byteLength);
      this.inner.deallocate(offset, byteLength);
      throw error; // no memory for the books
    }
    this.next += this.distance();
    const { level, stackDepth } = this.settings;
    const depth = level === 'simple' ? 1 : stackDepth;
    const key = captureKey(depth, TrackedAllocator.prototype[method]);
    const site = this.sites.idOfKey(key) ?? this.sites.idOf(captureFrames(depth), key);
    this.forget(offset, this.latest); // an offset whose block was freed past the tracker
    this.sites.enter(site, byteLength);
    this.book.enter(offset, byteLength, site, ++this.latest);
    const at = Math.imul(offset, 0x9e3779b1) >>> FILTER_SHIFT;
    this.filter[at] = Math.min(FULL, (this.filter[at] as number) + 1);
  }

  /**
   * Takes a freed block out. A block that was recorded after `latest` stays: a free may run somebody else's code, such as
   * a budget's, which may be given the same place before the books are reached.
   */
  private forget(offset: number, latest: number): void {
    const { table } = this.book;
    const slot = table.find(offset);
    if (slot === -1 || (table.second[slot] as number) > latest) return;
    this.sites.leave(table.first[slot] ?? 0, table.sizes[slot] ?? 0);
    const at = Math.imul(offset, 0x9e3779b1) >>> FILTER_SHIFT;
    const sharing = this.filter[at] as number;
    if (sharing < FULL) this.filter[at] = sharing - 1; // a full slot stays: nobody knows how many it stands for
    if (this.exact) this.book.leave(offset);
    else table.removeAt(slot);
  }

  /** True for a block from before this tracker, or what looks like one; throws for every other free that is wrong. */
  private isEarlier(offset: number, byteLength: number): boolean {
    const where = this.where('deallocate');
    this.checkSpan('deallocate', offset, byteLength);
    const slot = this.book.table.find(offset);
    if (slot !== -1) {
      const [frame = ''] = this.sites.framesOf(this.book.table.first[slot] ?? 0);
      this.book.checkSize(where, this.name, slot, byteLength, `; it was allocated at ${frame}`);
      return false;
    }
    if (this.hasEarlier && !this.book.wasFreed(offset) && this.inner.owns(offset)) return true;
    throw this.book.unknown(where, this.name, offset);
  }

  /** 1 where every allocation is recorded; else random around the interval, so that no rhythm of the program hides. */
  private distance(): number {
    const { interval } = this.settings;
    if (interval === 1) return 1;
    if (interval === 0) return Number.POSITIVE_INFINITY;
    this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0;
    return 1 + Math.floor((this.random / 2 ** 32) * (2 * interval - 1));
  }

  /** Recorded blocks after a moment, the oldest first. */
  private recorded(after: number): { slot: number; order: number }[] {
    const { table } = this.book;
    const found: { slot: number; order: number }[] = [];
    for (let slot = 0; slot < table.slots; slot++) {
      const order = table.second[slot] ?? 0;
      if (table.offsetAt(slot) !== -1 && order > after) found.push({ slot, order });
    }
    return found.sort((a, b) => a.order - b.order);
  }

  private checkPresence(start: number): void {
    const left = this.recorded(start);
    if (left.length === 0) return;
    const sites = new SiteTable(this.settings.maxSites);
    const { table } = this.book;
    for (const { slot } of left) {
      const frames = this.sites.framesOf(table.first[slot] ?? 0).join('\n');
      sites.enter(sites.idOf(frames), table.sizes[slot] ?? 0);
    }
    const holding = sites.holding();
    const bytes = holding.reduce((sum, site) => sum + site.bytes, 0);
    throw this.leaked('leave', {
      ...this.leaks({ top: 0 }),
      liveAllocations: left.length,
      liveBytes: bytes,
      sites: holding,
      omittedSites: 0,
    });
  }

  private leaked(method: string, report: LeakReport): MemoryError {
    return memoryError('ERR_MEMORY_INVALID_STATE', `${this.where(method)}: ${describeLeaks(report)}`, {
      source: this.name,
      hint: 'Free them, or reset the allocator; level paranoid names every place.',
    });
  }

  private tooLow(method: string, needed: TrackingLevel): MemoryError {
    return memoryError(
      'ERR_MEMORY_INVALID_STATE',
      `${this.where(method)} needs level '${needed}' or above, this tracker has '${this.level}'`,
      { source: this.name },
    );
  }
}
