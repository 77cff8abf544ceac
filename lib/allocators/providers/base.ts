import type { RegionProvider } from '../../core';
import { alignUp, type BudgetLike, checkBudget, checkInteger, checkString, formatBytes, memoryError } from '../../core';
import { Region } from '../../platform';
import { Books, isExhausted, type ProviderStats } from './books';

/** What every provider takes. */
export interface ProviderOptions {
  /** For errors and reports. Default: the kind of provider. 1 to 80 characters. */
  readonly name?: string;
  /** Charged with the page-rounded bytes of everything that is mapped. Default: none. */
  readonly budget?: BudgetLike;
}

export const PROVIDER_KEYS = ['name', 'budget'] as const;

/** A provider whose regions can change hands without being mapped anew. */
export interface RenewingProvider extends RegionProvider<Region> {
  /**
   * Ends a live region and returns another one over the same pages and bytes, live in its place.
   *
   * @throws as `release` and as Region.renew; the region is as before then
   */
  renew(region: Region, options?: { readonly views?: 'empty' | 'keep' }): Region;
}

let basePage = 0;

/** Size of a base page in bytes, as the system maps them. */
export function basePageBytes(): number {
  if (basePage === 0) {
    using probe = Region.map(1);
    basePage = probe.placement.got.pageBytes;
  }
  return basePage;
}

/**
 * What all providers share: checks, books, budget, the end of life. A provider belongs to one thread, as its regions do.
 * Sub-classes map and unmap.
 */
export abstract class ProviderBase implements RenewingProvider, Disposable {
  /** Shown in errors and reports. */
  readonly name: string;
  /** Granularity of what it hands out, in bytes. */
  readonly pageBytes: number;
  protected readonly books: Books;
  private closed = false;
  /** While it lets go of what it keeps: that runs an upstream and a budget, which are somebody else's code. */
  private ending = false;

  protected constructor(where: string, pageBytes: number, options: ProviderOptions) {
    this.name = options.name === undefined ? where : checkString(`${where}: name`, options.name, 80);
    this.pageBytes = pageBytes;
    this.books = new Books(options.budget === undefined ? undefined : checkBudget(where, options.budget));
  }

  /** True where release() leaves no view that shows the pages: whoever gives a region back has nothing to empty then. */
  get emptiesViews(): boolean {
    return true;
  }

  /** Maps a whole number of pages. */
  protected abstract map(byteLength: number): Region;

  /** Lets go of a region of `map`; nothing has changed when it throws. */
  protected unmap(region: Region): void {
    region.free();
  }

  /**
   * A region of at least `byteLength` bytes, rounded up to whole pages. Its first bytes are zeros unless the provider says
   * otherwise. Give it back by `release`.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED, ERR_MEMORY_BUDGET_EXCEEDED, and what
   *   mapping throws; the books and the budget are as before then
   */
  acquire(byteLength: number): Region {
    return this.acquireBy(byteLength, (bytes) => this.map(bytes));
  }

  /** As `acquire`, mapped by `make`; what it throws leaves books and budget as they were. */
  protected acquireBy(byteLength: number, make: (bytes: number) => Region): Region {
    const bytes = this.checkRequest('acquire', byteLength);
    try {
      return this.obtain(bytes, make);
    } catch (error) {
      this.books.failures += 1;
      throw error;
    }
  }

  /** A region of whole pages, charged with what it has; what throws leaves books and budget as they were. */
  protected obtain(bytes: number, make: (bytes: number) => Region): Region {
    const where = this.where('acquire');
    this.books.charge(where, bytes);
    let region: Region | null = null;
    try {
      region = make(bytes);
      if (region.byteLength > bytes) this.books.charge(where, region.byteLength - bytes);
    } catch (error) {
      if (region !== null) this.letBack(region);
      this.books.discharge(bytes);
      throw error;
    }
    this.books.admit(region, region.byteLength);
    return region;
  }

  /** Lets go of a region that nobody holds. False where it cannot be now. */
  protected letBack(region: Region): boolean {
    try {
      this.unmap(region);
      return true;
    } catch {
      return region.state === 'freed';
    }
  }

  /** As `acquire`, but null when memory, a limit or a budget is used up. Throws for everything else. */
  tryAcquire(byteLength: number): Region | null {
    try {
      return this.acquire(byteLength);
    } catch (error) {
      if (isExhausted(error)) return null;
      throw error;
    }
  }

  /**
   * Takes back a region of this provider: its views have length 0 afterwards, what escaped reads zeros. For a region that
   * its holder freed before, only the books are settled. A budget that refuses the bytes gets them with the next: the region
   * has gone all the same.
   *
   * @throws ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_DOUBLE_FREE, and ERR_MEMORY_IN_USE for a pinned region, which stays live
   */
  release(region: Region): void {
    const bytes = this.books.bytesOf(this.where('release'), this.name, region);
    this.unmapUnlessFreed(region);
    this.books.dismiss(region, bytes);
    this.books.discharge(bytes);
  }

  renew(region: Region, options?: { readonly views?: 'empty' | 'keep' }): Region {
    const bytes = this.books.bytesOf(this.where('renew'), this.name, region);
    const fresh = this.renewRegion(region, options);
    this.books.swap(region, fresh, bytes);
    return fresh;
  }

  protected renewRegion(region: Region, options: { readonly views?: 'empty' | 'keep' } | undefined): Region {
    return region.renew(options);
  }

  /** Keeps nothing, so there is nothing to give: 0. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  trim(keepBytes: number = 0): number {
    checkInteger(`${this.where('trim')}: keepBytes`, keepBytes);
    return 0;
  }

  /** True for a region that is handed out by this provider now. */
  owns(region: Region): boolean {
    return this.books.has(region);
  }

  /** A snapshot; readable after disposal too. */
  stats(): ProviderStats {
    return Object.freeze(this.numbers());
  }

  protected numbers(): ProviderStats {
    const { acquired, released, failures, liveRegions, liveBytes, peakLiveBytes, hits } = this.books;
    const base = { name: this.name, acquired, released, failures, liveRegions, liveBytes, peakLiveBytes };
    return { ...base, cachedRegions: 0, cachedBytes: 0, hits, misses: acquired - hits };
  }

  /** True once disposed. */
  get disposed(): boolean {
    return this.closed;
  }

  /**
   * Ends the provider: it hands out nothing more. May be called again, and offers the budget then what it refused before.
   *
   * @throws ERR_MEMORY_IN_USE while regions are handed out; nothing has changed then
   */
  [Symbol.dispose](): void {
    if (this.closed) {
      this.books.settle();
      return;
    }
    for (const [region, bytes] of this.books.freedElsewhere()) this.settle(region, bytes);
    const { liveRegions, liveBytes } = this.books;
    if (liveRegions > 0) {
      throw memoryError(
        'ERR_MEMORY_IN_USE',
        `${this.where('dispose')}: ${liveRegions} ${liveRegions === 1 ? 'region' : 'regions'} of ${formatBytes(liveBytes)} in all ${liveRegions === 1 ? 'is' : 'are'} still handed out`,
        { source: this.name, hint: 'Release them first; stats().liveRegions counts them.' },
      );
    }
    this.ending = true;
    try {
      this.letGo();
    } finally {
      this.ending = false;
    }
    this.closed = true;
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  /** Lets go of what is kept, before the end. */
  protected letGo(): void {}

  protected where(method: string): string {
    return `${this.constructor.name}.${method}`;
  }

  /** Whole pages for a request. @throws ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  protected checkRequest(method: string, byteLength: number): number {
    if (this.closed || this.ending) {
      throw memoryError(
        'ERR_MEMORY_CLOSED',
        `${this.where(method)}: the provider ${this.closed ? 'was disposed before' : 'is being disposed'}`,
        {
          source: this.name,
        },
      );
    }
    // The largest multiple of a page below 2^53, so that rounding up stays exact.
    const most = Number.MAX_SAFE_INTEGER - this.pageBytes + 1;
    return alignUp(checkInteger(`${this.where(method)}: byteLength`, byteLength, 1, most), this.pageBytes);
  }

  protected unmapUnlessFreed(region: Region): void {
    if (region.state === 'live') this.unmap(region);
    else this.forget(region);
  }

  /** Books of a region that its holder freed by itself. */
  protected settle(region: Region, bytes: number): void {
    this.forget(region);
    this.books.dismiss(region, bytes);
    this.books.discharge(bytes);
  }

  /** Lets go of what a sub-class keeps for a region that was freed elsewhere. */
  protected forget(_region: Region): void {}
}
