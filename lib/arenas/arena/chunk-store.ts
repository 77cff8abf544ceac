import { acquireFrom, releaseTo } from '../../allocators';
import { isMemoryError, type RegionProvider, Repayment } from '../../core';
import type { Region } from '../../platform';
import { Chunk } from './chunk';
import { type ArenaPlan, CHUNK_PAGE } from './options';

/**
 * Gets chunks from the provider and gives them back, with the limit and the budget kept exactly: whatever throws, what
 * was charged is what is held, or owed to a budget that refused to take it back.
 */
export class ChunkStore {
  private readonly provider: RegionProvider;
  private readonly repayment: Repayment;
  private readonly plan: ArenaPlan;
  private nextBytes: number;
  /** Bytes held, in use or not. */
  reservedBytes = 0;
  peakReservedBytes = 0;
  /** Chunks got from the provider since the beginning. */
  acquired = 0;
  /** Errors that a provider or budget threw, for the caller of tryAllocate to know why there was no room. */
  refusal: unknown;

  constructor(plan: ArenaPlan) {
    this.plan = plan;
    this.provider = plan.provider;
    this.repayment = new Repayment(plan.budget);
    this.nextBytes = plan.chunkBytes;
  }

  /**
   * A chunk of at least `need` bytes: of the next size of growth, or smaller where that much cannot be had.
   *
   * @returns null where the limit leaves no room (`refusal` undefined), or where the budget or the provider is out of
   *   memory (`refusal` is their error)
   * @throws what else the provider or the budget throws
   */
  acquire(need: number): Chunk | null {
    this.refusal = undefined;
    const least = Math.ceil(need / CHUNK_PAGE) * CHUNK_PAGE;
    const { limitBytes, maxChunkBytes, growthFactor } = this.plan;
    const roomBytes = limitBytes === null ? Number.MAX_SAFE_INTEGER : limitBytes - this.reservedBytes;
    // A limit that is no multiple of a page leaves a last part that holds blocks, but no whole page: it stays unused.
    if (least > roomBytes) return null;
    let bytes = Math.max(least, Math.min(this.nextBytes, Math.floor(roomBytes / CHUNK_PAGE) * CHUNK_PAGE));
    for (;;) {
      const chunk = this.attempt(bytes, roomBytes);
      if (chunk !== null) {
        if (bytes <= maxChunkBytes) {
          const grown = Math.ceil((this.nextBytes * growthFactor) / CHUNK_PAGE) * CHUNK_PAGE;
          this.nextBytes = Math.min(grown, maxChunkBytes);
        }
        return chunk;
      }
      if (bytes === least) return null;
      bytes = Math.max(least, Math.ceil(bytes / 2 / CHUNK_PAGE) * CHUNK_PAGE);
    }
  }

  private attempt(bytes: number, roomBytes: number): Chunk | null {
    if (!this.charge(bytes)) return null;
    let region: Region;
    try {
      region = acquireFrom(this.plan.name, this.provider, bytes);
    } catch (error) {
      this.repayment.give(bytes);
      if (!isMemoryError(error) || error.category !== 'exhausted') throw error;
      this.refusal = error;
      return null;
    }
    return this.adopt(region, bytes, roomBytes);
  }

  /** Providers round up to their pages: what they gave is what counts. */
  private adopt(region: Region, charged: number, roomBytes: number): Chunk | null {
    let paid = charged;
    try {
      const { byteLength } = region;
      if (byteLength > roomBytes) {
        this.give(region, paid);
        return null;
      }
      if (byteLength > paid) {
        if (!this.charge(byteLength - paid)) {
          const { refusal } = this;
          this.give(region, paid);
          this.refusal = refusal;
          return null;
        }
        paid = byteLength;
      }
      const chunk = new Chunk(region, paid, this.plan.ownMappings);
      this.reservedBytes += paid;
      this.peakReservedBytes = Math.max(this.peakReservedBytes, this.reservedBytes);
      this.acquired += 1;
      return chunk;
    } catch (error) {
      if (region.state === 'live') this.give(region, paid);
      throw error;
    }
  }

  private charge(bytes: number): boolean {
    try {
      this.repayment.take(this.plan.name, bytes); // and not tryReserve: its error says which limit it was
      return true;
    } catch (error) {
      if (!isMemoryError(error) || error.category !== 'exhausted') throw error;
      this.refusal = error;
      return false;
    }
  }

  private give(region: Region, paid: number): void {
    this.provider.release(region);
    this.repayment.give(paid);
  }

  /** Offers again what the budget refused to take back. */
  settle(): void {
    this.repayment.settle();
  }

  /** Takes in a region that somebody else made, as if it had been acquired. @throws what the budget throws */
  takeIn(region: Region): Chunk {
    const { byteLength } = region;
    this.repayment.take(this.plan.name, byteLength);
    this.reservedBytes += byteLength;
    this.peakReservedBytes = Math.max(this.peakReservedBytes, this.reservedBytes);
    return new Chunk(region, byteLength, false);
  }

  /**
   * Gives a chunk back, its views emptied: by the mapping's end, or here, since other providers may hand pages on as they
   * are. A budget that refuses its bytes gets them later: the chunk is the provider's then.
   *
   * @throws what the provider throws, such as ERR_MEMORY_IN_USE for pinned memory: it is held still
   */
  release(chunk: Chunk): void {
    const { region } = chunk;
    try {
      if (region.state === 'live') {
        if (this.plan.ownMappings || !chunk.viewed) this.provider.release(region);
        else releaseTo(this.provider, region);
      }
    } catch (error) {
      chunk.refresh();
      throw error;
    }
    this.reservedBytes -= chunk.reservedBytes;
    this.repayment.give(chunk.reservedBytes);
  }

  /** Gives all chunks of a list back that can be; the others stay in it. @throws the first error, after all were tried */
  releaseAll(chunks: Chunk[]): void {
    const failures: unknown[] = [];
    for (const chunk of chunks.splice(0)) {
      try {
        this.release(chunk);
      } catch (error) {
        failures.push(error);
        chunks.push(chunk);
      }
    }
    this.settle();
    if (failures.length > 0) throw failures[0];
  }

  /** After everything was given back growth begins anew. */
  restart(): void {
    this.nextBytes = this.plan.chunkBytes;
  }
}
