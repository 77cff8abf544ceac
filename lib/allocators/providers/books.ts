import { type BudgetLike, describe, isMemoryError, type MemoryError, memoryError, Repayment } from '../../core';
import { Region } from '../../platform';

/** Counters of a provider since its construction. Sizes are bytes. */
export interface ProviderStats {
  /** The provider's. */
  readonly name: string;
  /** Regions handed out, and taken back. */
  readonly acquired: number;
  readonly released: number;
  /** Requests that were refused. */
  readonly failures: number;
  /** Regions that are handed out now, their bytes in whole pages, and the most there ever were. */
  readonly liveRegions: number;
  readonly liveBytes: number;
  readonly peakLiveBytes: number;
  /** Kept for reuse; 0 for providers that keep nothing. */
  readonly cachedRegions: number;
  readonly cachedBytes: number;
  /** Requests served from what was kept, and those that were not. Without a cache all are misses. */
  readonly hits: number;
  readonly misses: number;
}

/** Who has which region, and what is charged for it. A region that is live here is kept from the collector. */
export class Books {
  private readonly live = new Map<Region, number>();
  private readonly gone = new WeakSet<Region>();
  private readonly repayment: Repayment;
  acquired = 0;
  released = 0;
  failures = 0;
  liveBytes = 0;
  peakLiveBytes = 0;
  hits = 0;

  constructor(budget: BudgetLike | undefined) {
    this.repayment = new Repayment(budget);
  }

  get liveRegions(): number {
    return this.live.size;
  }

  /** Takes the bytes from the budget, if there is one. @throws what the budget throws, such as ERR_MEMORY_BUDGET_EXCEEDED */
  charge(where: string, bytes: number): void {
    this.repayment.take(where, bytes);
  }

  /** Gives the bytes back. Never throws: what the budget refuses is owed, and offered again with the next. */
  discharge(bytes: number): void {
    this.repayment.give(bytes);
  }

  /** Offers the budget again what it refused. Never throws. */
  settle(): void {
    this.repayment.settle();
  }

  admit(region: Region, bytes: number): void {
    this.live.set(region, bytes);
    this.acquired += 1;
    this.liveBytes += bytes;
    if (this.liveBytes > this.peakLiveBytes) this.peakLiveBytes = this.liveBytes;
  }

  has(region: Region): boolean {
    return this.live.has(region);
  }

  /** The bytes of a live region. @throws ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_DOUBLE_FREE */
  bytesOf(where: string, name: string, region: Region): number {
    const bytes = this.live.get(region);
    if (bytes === undefined) throw this.refusal(where, name, region);
    return bytes;
  }

  dismiss(region: Region, bytes: number): void {
    this.live.delete(region);
    this.gone.add(region);
    this.released += 1;
    this.liveBytes -= bytes;
  }

  /** The same memory under another Region object. */
  swap(old: Region, fresh: Region, bytes: number): void {
    this.live.delete(old);
    this.gone.add(old);
    this.live.set(fresh, bytes);
  }

  /** Regions that their holders freed themselves. */
  freedElsewhere(): [Region, number][] {
    return [...this.live].filter(([region]) => region.state === 'freed');
  }

  private refusal(where: string, name: string, region: unknown): MemoryError {
    if (!(region instanceof Region)) {
      return memoryError('ERR_MEMORY_FOREIGN_FREE', `${where}: a Region is needed, got ${describe(region)}`, {
        source: name,
      });
    }
    if (this.gone.has(region)) {
      return memoryError('ERR_MEMORY_DOUBLE_FREE', `${where}: the region was released before`, {
        source: name,
        hint: 'Release once; the region may belong to somebody else by now.',
      });
    }
    return memoryError('ERR_MEMORY_FOREIGN_FREE', `${where}: the region is not of this provider`, {
      source: name,
      hint: 'Release to the provider that handed the region out; free() what came from Region.map and its like.',
    });
  }
}

/** True for errors that mean: there is no more of it now. */
export function isExhausted(error: unknown): boolean {
  return isMemoryError(error) && error.category === 'exhausted';
}
