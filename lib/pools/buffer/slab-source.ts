import { acquireFrom, PageProvider, releaseTo } from '../../allocators';
import { alignUp, type BudgetLike, isPowerOfTwo, memoryError, type RegionProvider } from '../../core';
import type { Carrier, Region } from '../../platform';

const PAGE_BYTES = 4096;

export interface SourceSettings {
  readonly provider: RegionProvider | undefined;
  readonly budget: BudgetLike | undefined;
  readonly carrier: Carrier;
  readonly limitBytes: number;
}

/**
 * Regions for slabs: within the pool's limit and charged to its budget while they are mapped. Provider and budget are
 * somebody else's code: what throws or lies leaves the books as they were.
 */
export class SlabSource {
  /** Bytes that are mapped, and those that are being mapped. */
  heldBytes = 0;
  peakHeldBytes = 0;
  /** A provider's memory may hold what its former holder wrote. */
  readonly dirty: boolean;
  private readonly pageBytes: number;
  private readonly own: boolean;
  private provider: RegionProvider | undefined;
  private readonly settings: SourceSettings;
  private readonly held = new Map<Region, number>();
  private readonly where: string;

  constructor(where: string, settings: SourceSettings) {
    const { provider } = settings;
    this.where = where;
    this.settings = settings;
    this.own = provider === undefined;
    this.dirty = !this.own;
    this.provider = provider;
    const page = provider?.pageBytes;
    this.pageBytes = typeof page === 'number' && isPowerOfTwo(page) && page > PAGE_BYTES ? page : PAGE_BYTES;
  }

  /** How many more bytes the limit allows. */
  get roomBytes(): number {
    return this.settings.limitBytes - this.heldBytes;
  }

  get limitBytes(): number {
    return this.settings.limitBytes;
  }

  /** Bytes of a region that is held. */
  bytesOf(region: Region): number {
    return this.held.get(region) ?? 0;
  }

  /** @throws ERR_MEMORY_POOL_EXHAUSTED at the limit, ERR_MEMORY_TOO_LARGE above it; what the budget, the provider or mapping throws */
  map(byteLength: number): Region {
    const { budget } = this.settings;
    let bytes = alignUp(byteLength, this.pageBytes);
    this.count(bytes);
    let charged = 0;
    let region: Region | undefined;
    try {
      budget?.reserve(bytes);
      charged = bytes;
      const got = acquireFrom(this.where, this.providerOf(), bytes);
      if (this.held.has(got)) {
        throw memoryError(
          'ERR_MEMORY_INVALID_ARGUMENT',
          `${this.where}: the provider gave a region that is out already`,
        );
      }
      region = got;
      const more = alignUp(got.byteLength, this.pageBytes) - bytes;
      if (more > 0) {
        this.count(more);
        bytes += more;
        budget?.reserve(more);
        charged = bytes;
      }
      this.held.set(got, bytes);
      if (this.heldBytes > this.peakHeldBytes) this.peakHeldBytes = this.heldBytes;
      return got;
    } catch (error) {
      this.heldBytes -= bytes;
      try {
        if (region !== undefined) this.giveBack(region);
      } catch {
        // A provider that takes nothing back: its memory is not ours to count any more.
      }
      if (charged > 0) budget?.release(charged);
      throw error;
    }
  }

  /** @throws what the provider throws: the region is still held then; what the budget throws: it is gone */
  unmap(region: Region): void {
    this.giveBack(region);
    const bytes = this.bytesOf(region);
    this.held.delete(region);
    this.heldBytes -= bytes;
    this.settings.budget?.release(bytes);
  }

  has(region: Region): boolean {
    return this.held.has(region);
  }

  private count(bytes: number): void {
    const { limitBytes } = this.settings;
    if (this.heldBytes + bytes > limitBytes) {
      throw memoryError(
        bytes > limitBytes ? 'ERR_MEMORY_TOO_LARGE' : 'ERR_MEMORY_POOL_EXHAUSTED',
        `${this.where}: ${bytes} bytes more would pass limitBytes of ${limitBytes}; ${this.heldBytes} are held`,
        { requestedBytes: bytes, limitBytes, availableBytes: Math.max(0, this.roomBytes) },
      );
    }
    this.heldBytes += bytes;
  }

  private providerOf(): RegionProvider {
    const { carrier } = this.settings;
    this.provider ??= new PageProvider(carrier === 'local' ? undefined : { carrier });
    return this.provider;
  }

  private giveBack(region: Region): void {
    // Our own provider frees, which empties every view.
    if (this.own) this.providerOf().release(region);
    else releaseTo(this.providerOf(), region);
  }
}
