import {
  type ByteSize,
  checkOptions,
  disposeAll,
  isMemoryError,
  type MemoryError,
  memoryError,
  overPreset,
  parseBytes,
} from '../../core';
import type { Region } from '../../platform';
import {
  AllocatorBase,
  type AllocatorOptions,
  COMMON_OPTIONS,
  commonSettings,
  fillRange,
  type Recipe,
  Supply,
  suppliersOf,
} from '../base';
import { type SystemBlock, SystemBlocks } from './blocks';

const NAME = 'SystemAllocator';
const PAGE_BYTES = 4096;
const LAST_OFFSET = 2 ** 52; // offsets are never used twice before it; beyond it 2^53 comes too near for sums

/** Options of a {@link SystemAllocator}. */
export interface SystemOptions extends AllocatorOptions {
  /** Most bytes in use at a time, in whole pages. Default: none but the system's own. */
  readonly maxBytes?: ByteSize;
}

/**
 * Every block is a region of its own: microseconds each, whole pages each, and back at the system when it is freed, so that
 * views of it have length 0 then. For few and large blocks, and below other allocators. Offsets are virtual, aligned to 4096 and
 * not used again before 4 PiB of them are spent; one page between two belongs to none. Belongs to one thread.
 */
export class SystemAllocator extends AllocatorBase {
  private readonly supply: Supply;
  private readonly suppliers: Recipe;
  private readonly pageBytes: number;
  private readonly maxBytes: number | null;
  private readonly allocFill: number;
  private readonly freeFill: number;
  private blocks = new SystemBlocks();
  /** Regions that are no block, and that the provider refused to take back: tried again with the next such one and at the end. */
  private readonly strays: Region[] = [];
  private nextOffset = 0;
  private used = 0;
  private peak = 0;
  /** True while the provider runs: it is somebody else's code. */
  private busy = false;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(given?: SystemOptions) {
    const options = checkOptions<SystemOptions>(NAME, given, [...COMMON_OPTIONS, 'maxBytes']);
    const settings = commonSettings(NAME, options);
    super(settings.name, settings.stats);
    const { maxBytes } = options;
    this.supply = new Supply(settings);
    this.suppliers = suppliersOf(settings);
    this.pageBytes = this.supply.pageBytes;
    this.maxBytes = maxBytes === undefined ? null : parseBytes(maxBytes, `${NAME}: maxBytes`, { minBytes: 1 });
    this.allocFill = settings.allocFill;
    this.freeFill = settings.freeFill;
  }

  /** No counting. */
  static production(options?: SystemOptions): SystemAllocator {
    return new SystemAllocator(overPreset('SystemAllocator.production', { stats: false }, options));
  }

  /** Fills new blocks with 0xAA: code that counts on zeros is found. Freed ones are gone in any preset. */
  static debug(options?: SystemOptions): SystemAllocator {
    return new SystemAllocator(overPreset('SystemAllocator.debug', { stats: true, allocFill: 0xaa }, options));
  }

  /** No counting. */
  static performance(options?: SystemOptions): SystemAllocator {
    return new SystemAllocator(overPreset('SystemAllocator.performance', { stats: false }, options));
  }

  /**
   * @param alignment a power of two to 4096; every block has 4096
   * @throws ERR_MEMORY_ARENA_EXHAUSTED over `maxBytes`, ERR_MEMORY_TOO_LARGE for more than that or than offsets can count,
   *   ERR_MEMORY_OUT_OF_MEMORY and others of the provider, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_STATE when called by its own provider
   */
  override allocate(byteLength: number, alignment: number = 8): number {
    const result = this.take('allocate', byteLength, alignment);
    if (typeof result === 'number') return result;
    throw result;
  }

  /** As `allocate`, but -1 where memory is wanting. */
  override tryAllocate(byteLength: number, alignment: number = 8): number {
    const result = this.take('tryAllocate', byteLength, alignment);
    if (typeof result === 'number') return result;
    if (result.category === 'exhausted') return -1;
    throw result;
  }

  /**
   * Frees the region of the block at once.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_INVALID_ARGUMENT for a wrong size,
   *   ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED, and what the provider throws: the block is still there then
   */
  override deallocate(offset: number, byteLength: number): void {
    this.checkSpan('deallocate', offset, byteLength);
    this.needIdle('deallocate');
    const block = this.blocks.containing(offset);
    if (block === undefined) {
      // Offsets rise and are not used twice: what lies below the next one was handed out before.
      if (offset < this.nextOffset && offset % PAGE_BYTES === 0) throw this.doubleFree('deallocate', offset);
      throw this.foreign('deallocate', offset, 'was never handed out');
    }
    if (block.start !== offset) throw this.foreign('deallocate', offset, 'is not the begin of a block');
    if (block.byteLength !== byteLength) {
      throw this.wrongSize('deallocate', offset, byteLength, `${block.byteLength}`);
    }
    this.give(block);
    this.deallocations += this.step;
  }

  /**
   * A window over one block or a part of it; its length is 0 once the block is freed.
   *
   * @throws ERR_MEMORY_FREED for a freed block, ERR_MEMORY_OUT_OF_RANGE for what is not within one block
   */
  override view(offset: number, byteLength: number): Uint8Array {
    this.checkSpan('view', offset, byteLength);
    const block = this.blocks.containing(offset);
    if (block === undefined || byteLength > block.byteLength - (offset - block.start)) {
      const freed = block === undefined && offset < this.nextOffset;
      throw memoryError(
        freed ? 'ERR_MEMORY_FREED' : 'ERR_MEMORY_OUT_OF_RANGE',
        `${NAME}.view: ${byteLength} bytes at ${offset} ${freed ? 'were freed' : 'are not within one block'}`,
        { requestedBytes: byteLength, source: this.name },
      );
    }
    return block.region.window(offset - block.start, byteLength);
  }

  /** Frees every block. Those that cannot be freed (pinned) stay, and the first error of them is thrown at the end. */
  override reset(): void {
    this.needIdle('reset');
    this.giveAll();
    this.resets += this.step;
  }

  /** True inside a block that is handed out. */
  override owns(offset: number): boolean {
    if (this.closed || !Number.isSafeInteger(offset)) return false;
    const block = this.blocks.containing(offset);
    return block !== undefined && offset - block.start < block.byteLength;
  }

  /** @internal */
  override recipe(): Recipe {
    return { ...super.recipe(), pageBytes: this.pageBytes, ...this.suppliers };
  }

  /** Bytes in use, in whole pages of the provider. */
  override get usedBytes(): number {
    return this.used;
  }

  /** `maxBytes`, or null. */
  override get capacityBytes(): number | null {
    return this.maxBytes;
  }

  protected override get peakUsedBytes(): number {
    return this.peak;
  }

  protected override get liveAllocations(): number {
    return this.blocks.live;
  }

  protected override get reservedBytes(): number {
    return this.used;
  }

  protected override letGo(): void {
    if (this.busy) throw this.reentered('dispose');
    this.giveAll();
  }

  // The offset, or the error of what is not to be had.
  private take(method: string, byteLength: number, alignment: number): number | MemoryError {
    this.checkRequest(method, byteLength, alignment);
    this.needIdle(method);
    const rest = byteLength % this.pageBytes;
    const pageBytes = rest === 0 ? byteLength : byteLength + (this.pageBytes - rest);
    const largest = this.maxBytes ?? LAST_OFFSET;
    if (pageBytes > largest - this.used || this.nextOffset + pageBytes > LAST_OFFSET) {
      this.failures += this.step;
      return this.noRoom(pageBytes > largest ? pageBytes : byteLength, largest, 'ERR_MEMORY_ARENA_EXHAUSTED');
    }
    let region: Region;
    this.busy = true;
    try {
      region = this.acquire(method, byteLength);
    } catch (error) {
      this.failures += this.step;
      if (isMemoryError(error)) return error;
      throw error;
    } finally {
      this.busy = false;
    }
    const start = this.nextOffset;
    this.blocks.add({ start, byteLength, pageBytes, region });
    this.nextOffset = start + Math.ceil(pageBytes / PAGE_BYTES) * PAGE_BYTES + PAGE_BYTES;
    this.used += pageBytes;
    if (this.used > this.peak) this.peak = this.used;
    this.allocations += this.step;
    return start;
  }

  private acquire(method: string, byteLength: number): Region {
    const { supply, allocFill } = this;
    const region = supply.acquire(this.where(method), byteLength);
    if (allocFill === -1) return region;
    try {
      fillRange(this.where(method), region, 0, byteLength, allocFill);
    } catch (error) {
      this.strays.push(region); // what may be wrong with the release as well does not hide why
      this.giveStrays(() => {});
      throw error;
    }
    return region;
  }

  private giveStrays(failed: (error: unknown) => void): void {
    for (const region of this.strays.splice(0)) {
      try {
        this.supply.release(region);
      } catch (error) {
        this.strays.push(region);
        failed(error);
      }
    }
  }

  private give(block: SystemBlock): void {
    this.busy = true;
    try {
      // Before the region goes, for providers that keep regions, and for memory that somebody else still sees.
      if (this.freeFill !== -1 && block.region.state === 'live') {
        fillRange(this.where('deallocate'), block.region, 0, block.byteLength, this.freeFill);
      }
      this.supply.release(block.region);
    } finally {
      this.busy = false;
    }
    this.blocks.remove(block);
    this.used -= block.pageBytes;
  }

  private giveAll(): void {
    const blocks = this.blocks.all().map((block) => ({ [Symbol.dispose]: () => this.give(block) }));
    disposeAll([{ [Symbol.dispose]: () => this.giveAllStrays() }, ...blocks]);
  }

  private giveAllStrays(): void {
    const errors: unknown[] = [];
    this.busy = true;
    try {
      this.giveStrays((error) => errors.push(error));
    } finally {
      this.busy = false;
    }
    if (errors.length > 0) throw errors[0];
  }

  private needIdle(method: string): void {
    if (this.closed) throw this.closedError(method);
    if (this.busy) throw this.reentered(method);
  }

  private reentered(method: string): MemoryError {
    return memoryError('ERR_MEMORY_INVALID_STATE', `${this.where(method)}: called by its own provider`, {
      source: this.name,
    });
  }
}
