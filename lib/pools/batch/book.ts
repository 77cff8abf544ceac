/** What a batch allocator counted since its construction. */
export interface BatchStats {
  readonly name: string;
  /** Batches handed out, partial and empty ones too. */
  readonly batches: number;
  /** Batches that were not released yet, emptied ones too. */
  readonly live: number;
  readonly objects: number;
  readonly meanSize: number;
  readonly largest: number;
  /** Batches with less than was asked for. */
  readonly partial: number;
  /** All-or-nothing requests that got nothing, and requests that failed. */
  readonly refusals: number;
  /** Of the objects lent, the share that was there and not made for it; null where nobody counted. */
  readonly hitRate: number | null;
  /** Objects that the pool did not take back. */
  readonly releaseFailures: number;
}

/** The counters, plain fields for the hot path. */
export class BatchBook {
  live = 0;
  refusals = 0;
  releaseFailures = 0;
  private batches = 0;
  private objects = 0;
  private largest = 0;
  private partial = 0;
  private hits = 0;
  private misses = 0;

  lent(wanted: number, got: number): void {
    this.batches += 1;
    this.live += 1;
    this.objects += got;
    if (got > this.largest) this.largest = got;
    if (got < wanted) this.partial += 1;
  }

  served(hits: number, misses: number): void {
    this.hits += hits;
    this.misses += misses;
  }

  snapshot(name: string): BatchStats {
    const { batches, live, objects, largest, partial, refusals, releaseFailures, hits, misses } = this;
    const counted = hits + misses;
    const meanSize = batches === 0 ? 0 : objects / batches;
    const hitRate = counted === 0 ? null : hits / counted;
    return { name, batches, live, objects, meanSize, largest, partial, refusals, hitRate, releaseFailures };
  }
}
