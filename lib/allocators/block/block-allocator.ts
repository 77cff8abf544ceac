import { type AllocatorStats, isMemoryError, type MemoryError, memoryError, overPreset } from '../../core';
import { AllocatorBase, bookArray, fillRange, type Recipe, suppliersOf, windowOf } from '../base';
import { Chunks } from './chunks';
import { BLOCK_PRESETS, type BlockOptions, type BlockSettings, blockSettings } from './options';
import { PoolBox } from './pool-box';
import { trimRuns } from './trim';

const NAME = 'BlockAllocator';
// A word for each block below `fresh`, what lies above is old: 1 free and last of the list, n + 2 free and followed by
// block n, -bytes handed out, -bytes - LEASED handed out to a box.
const LAST = 1;
const LINK = 2;
const LEASED = 2 ** 30;
const FIRST_WORDS = 1024;

// The number that undoes a multiplication by an odd number, modulo 2^32 (Newton's steps, each doubling the bits).
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let bits = 3; bits < 32; bits *= 2) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}

/**
 * Blocks of one size, allocated and freed in any order in constant time. Newest freed is handed out next. Double, foreign
 * and wrongly sized frees are always detected. Bookkeeping is 4 bytes a block outside of the memory; neither it nor
 * the memory is touched before blocks are handed out. Grows by whole regions where `maxBlocks` allows it; offsets are
 * virtual then, and a view is the way to the bytes. Belongs to one thread.
 */
export class BlockAllocator extends AllocatorBase {
  private readonly settings: BlockSettings;
  private readonly blockBytes_: number;
  private readonly stride: number;
  private readonly align: number;
  /** stride = odd * 2^shift, and inverse * odd = 1 modulo 2^32. */
  private readonly shift: number;
  private readonly inverse: number;
  private words: Int32Array;
  /** The newest free block + LINK, or LAST. */
  private head = LAST;
  /** Blocks from here on were never handed out. */
  private fresh = 0;
  /** Where `fresh` has to stop: the words, or the blocks that there are. 0 sends all requests through the slow path. */
  private freshEnd = 0;
  private readonly fills: boolean;
  private live = 0;
  private peak = 0;
  private handed = 0;
  /** Blocks given back by reset(), which count as no deallocation. */
  private dropped = 0;
  private generations = 0;
  private growing = false;
  private readonly chunks: Chunks;

  /**
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_OVERFLOW,
   *   ERR_MEMORY_FREED for a freed region, and what mapping throws
   */
  constructor(options: BlockOptions) {
    const settings = blockSettings(NAME, options);
    super(settings.name, settings.stats);
    this.settings = settings;
    this.blockBytes_ = settings.blockBytes;
    this.stride = settings.strideBytes;
    this.align = settings.alignment;
    this.shift = 31 - Math.clz32(settings.strideBytes & -settings.strideBytes);
    this.inverse = inverseOf(settings.strideBytes / 2 ** this.shift);
    this.fills = settings.allocFill !== -1 || settings.freeFill !== -1;
    this.words = new Int32Array(Math.min(FIRST_WORDS, settings.blocks));
    this.chunks = new Chunks(NAME, settings);
    this.freshEnd = this.fills ? 0 : this.words.length;
  }

  /** No counting. */
  static production(options: BlockOptions): BlockAllocator {
    return new BlockAllocator(overPreset('BlockAllocator.production', BLOCK_PRESETS.production, options));
  }

  /** Fills with 0xBB and 0xDD. */
  static debug(options: BlockOptions): BlockAllocator {
    return new BlockAllocator(overPreset('BlockAllocator.debug', BLOCK_PRESETS.debug, options));
  }

  /** No counting. */
  static performance(options: BlockOptions): BlockAllocator {
    return new BlockAllocator(overPreset('BlockAllocator.performance', BLOCK_PRESETS.performance, options));
  }

  /**
   * @param byteLength 1 to `blockBytes`; a smaller block takes a whole one all the same
   * @param alignment a power of two to the blocks' own alignment; the blocks' own without it
   * @throws ERR_MEMORY_POOL_EXHAUSTED, ERR_MEMORY_TOO_LARGE for more bytes or a larger alignment than the blocks have,
   *   ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED, and what the
   *   provider throws when growing
   */
  override allocate(byteLength: number, alignment: number = 1): number {
    const offset = this.tryFast(byteLength, alignment);
    return offset === -1 ? this.slowly('allocate', byteLength, alignment) : offset;
  }

  /** As `allocate`, but -1 where that throws for want of memory. */
  override tryAllocate(byteLength: number, alignment: number = 1): number {
    const offset = this.tryFast(byteLength, alignment);
    return offset === -1 ? this.slowly('tryAllocate', byteLength, alignment) : offset;
  }

  private tryFast(byteLength: number, alignment: number): number {
    if (typeof byteLength === 'number' && typeof alignment === 'number') {
      const bytes = byteLength | 0;
      const step = alignment | 0;
      if (
        bytes === byteLength &&
        bytes > 0 &&
        bytes <= this.blockBytes_ &&
        step === alignment &&
        step > 0 &&
        step <= this.align &&
        (step & (step - 1)) === 0 &&
        this.freshEnd > 0
      ) {
        const { words, head } = this;
        let block = this.fresh;
        if (head >= LINK) {
          block = head - LINK;
          this.head = words[block] as number;
        } else {
          if (block >= this.freshEnd) return -1;
          this.fresh = block + 1;
        }
        words[block] = -bytes;
        this.live += 1;
        this.handed += 1;
        return block * this.stride;
      }
    }
    return -1;
  }

  /**
   * @param byteLength as it was asked for
   * @throws ERR_MEMORY_FOREIGN_FREE for what was never handed out, does not begin a block or is out on lease,
   *   ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_INVALID_ARGUMENT for a wrong size, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED
   */
  override deallocate(offset: number, byteLength: number): void {
    if (typeof offset === 'number' && typeof byteLength === 'number') {
      const start = offset | 0;
      // Dividing by multiplying, modulo 2^32: exact for multiples, and others do not multiply back.
      const block = Math.imul(start >>> this.shift, this.inverse);
      const { words } = this;
      if (
        start === offset &&
        start >= 0 &&
        block >= 0 &&
        block < this.fresh &&
        block * this.stride === start &&
        words[block] === -byteLength &&
        byteLength > 0 && // or else a link of the free list would pass for a size,
        byteLength <= LEASED && // and a lease for a larger one
        !this.fills
      ) {
        words[block] = this.head;
        this.head = block + LINK;
        if (this.live > this.peak) this.peak = this.live;
        this.live -= 1;
        return;
      }
    }
    this.deallocateSlowly(offset, byteLength);
  }

  /**
   * A window over one block that is handed out, or a part of it.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for what is not within one block, ERR_MEMORY_FREED for a block that is free, or when the
   *   region below was freed by its owner
   */
  override view(offset: number, byteLength: number): Uint8Array {
    this.checkArguments('view', offset, byteLength);
    const block = Math.floor(offset / this.stride);
    const word = block < this.fresh ? (this.words[block] ?? 0) : 0;
    const within = offset - block * this.stride;
    const size = word < -LEASED ? -word - LEASED : -word;
    if (word >= 0 || byteLength > size - within) throw this.badView(offset, byteLength, word, size - within);
    return this.windowAt(block, within, byteLength);
  }

  /**
   * Gives back every block, leased ones too, in constant time unless freed memory is filled; boxes become stale.
   *
   * @throws ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_STATE when called by the provider while growing
   */
  override reset(): void {
    this.needIdle('reset');
    if (this.settings.freeFill !== -1) this.fillLive();
    this.peak = this.peakLive;
    this.dropped += this.live;
    this.live = 0;
    this.fresh = 0; // no word is read above it, so none needs to be cleared
    this.head = LAST;
    this.generations += 1;
    this.resets += this.step;
  }

  /** True inside a block that is handed out. */
  override owns(offset: number): boolean {
    if (this.closed || !Number.isSafeInteger(offset) || offset < 0) return false;
    const block = Math.floor(offset / this.stride);
    const word = block < this.fresh ? (this.words[block] ?? 0) : 0;
    return word < 0 && offset - block * this.stride < this.stride;
  }

  // ---- leases --------------------------------------------------------------------------------------------------

  /**
   * A block that gives itself back: `using box = pool.lease()`.
   *
   * @param byteLength default: the whole block
   * @throws as `allocate`
   */
  lease(byteLength: number = this.blockBytes_): PoolBox {
    return this.boxed(this.allocate(byteLength), byteLength);
  }

  /** As `lease`, but null where that throws for want of memory. */
  tryLease(byteLength: number = this.blockBytes_): PoolBox | null {
    const offset = this.tryAllocate(byteLength);
    return offset === -1 ? null : this.boxed(offset, byteLength);
  }

  private boxed(offset: number, byteLength: number): PoolBox {
    this.words[offset / this.stride] = -byteLength - LEASED;
    return new PoolBox(this, offset, byteLength);
  }

  /** For boxes. @throws ERR_MEMORY_FREED for what is not out on lease */
  viewLeased(offset: number, byteLength: number): Uint8Array {
    return this.windowAt(this.leased('viewLeased', offset, byteLength), 0, byteLength);
  }

  /** For boxes: the block is free again, or with `keep` an ordinary one. @throws ERR_MEMORY_DOUBLE_FREE */
  endLease(offset: number, byteLength: number, keep: boolean): void {
    const block = this.leased('endLease', offset, byteLength);
    this.words[block] = -byteLength;
    if (keep) return;
    try {
      this.deallocate(offset, byteLength);
    } catch (error) {
      this.words[block] = -byteLength - LEASED;
      throw error;
    }
  }

  // The number of a block that is out on lease with this size.
  private leased(method: string, offset: number, byteLength: number): number {
    this.checkArguments(method, offset, byteLength);
    const block = offset / this.stride;
    if (block < this.fresh && this.words[block] === -byteLength - LEASED) return block;
    throw this.doubleFree(method, offset);
  }

  // ---- what it is ----------------------------------------------------------------------------------------------

  /** How often it was reset. */
  get generation(): number {
    return this.generations;
  }

  /** Bytes that one block can hold. */
  get blockBytes(): number {
    return this.blockBytes_;
  }

  /** Alignment of every block. */
  get blockAlignment(): number {
    return this.align;
  }

  /** Blocks that can be handed out before `maxBlocks` is reached. */
  get freeBlocks(): number {
    return this.settings.maxBlocks - this.live;
  }

  /** @internal */
  override recipe(): Recipe {
    const { blockBytes, blockAlignment, settings } = this;
    const { blocks, maxBlocks, growBlocks } = settings;
    return { ...super.recipe(), blockBytes, blockAlignment, blocks, maxBlocks, growBlocks, ...suppliersOf(settings) };
  }

  /** Handed-out blocks times the distance of two. */
  override get usedBytes(): number {
    return this.live * this.stride;
  }

  /** The same for `maxBlocks` of them. */
  override get capacityBytes(): number {
    return this.settings.maxBlocks * this.stride;
  }

  override stats(): AllocatorStats {
    this.allocations = this.step === 1 ? this.handed : 0;
    this.deallocations = this.step === 1 ? this.handed - this.dropped - this.live : 0;
    return super.stats();
  }

  /**
   * Gives the pages that hold free blocks only back to the system; the addresses stay. Looks at every block.
   *
   * @returns the bytes given back
   * @throws ERR_MEMORY_UNSUPPORTED for huge pages of the kernel's pool, ERR_MEMORY_INVALID_STATE for locked memory,
   *   ERR_MEMORY_CLOSED
   */
  trim(): number {
    this.needIdle('trim');
    return trimRuns(this.chunks, this.words, this.fresh, this.stride);
  }

  private get peakLive(): number {
    return Math.max(this.peak, this.live);
  }

  protected override get peakUsedBytes(): number {
    return this.peakLive * this.stride;
  }

  protected override get liveAllocations(): number {
    return this.live;
  }

  protected override get reservedBytes(): number {
    return this.chunks.reservedBytes;
  }

  protected override letGo(): void {
    if (this.growing) throw this.reentered('dispose');
    const before = this.chunks.length;
    try {
      this.chunks.release();
    } catch (error) {
      if (this.chunks.length === before) throw error; // nothing has changed: still open
      this.dropAll();
      this.closed = true; // some of the memory is gone: all that is left to do is dispose(), once more
      throw error;
    }
    this.dropAll();
  }

  /** Also lets go of what could not be let go of before. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.chunks.release();
  }

  private dropAll(): void {
    this.peak = this.peakLive;
    this.dropped += this.live;
    this.live = 0;
    this.fresh = 0;
    this.freshEnd = 0;
    this.head = LAST;
  }

  // ---- slow paths ----------------------------------------------------------------------------------------------

  private slowly(method: 'allocate' | 'tryAllocate', byteLength: number, alignment: number): number {
    this.checkRequest(method, byteLength, alignment);
    if (this.growing) throw this.reentered(method);
    const error = this.unfit(byteLength, alignment) ?? this.makeRoom(byteLength);
    if (error !== null) {
      this.failures += this.step;
      if (method === 'tryAllocate' && error.category === 'exhausted') return -1;
      throw error;
    }
    const { allocFill } = this.settings;
    const block = this.head >= LINK ? this.head - LINK : this.fresh;
    const chunk = this.chunks.chunkOf(block);
    const backing = this.chunks.at(chunk);
    if (allocFill !== -1 && backing !== undefined) {
      const at = (block - this.chunks.firstBlock(chunk)) * this.stride;
      fillRange(this.where(method), backing.region, at, byteLength, allocFill);
    }
    if (this.head >= LINK) this.head = this.words[block] ?? LAST;
    else this.fresh = block + 1;
    this.words[block] = -byteLength;
    this.live += 1;
    this.handed += 1;
    return block * this.stride;
  }

  private unfit(byteLength: number, alignment: number): MemoryError | null {
    if (byteLength > this.blockBytes_) return this.noRoom(byteLength, this.blockBytes_, 'ERR_MEMORY_POOL_EXHAUSTED');
    if (alignment <= this.align) return null;
    return memoryError(
      'ERR_MEMORY_TOO_LARGE',
      `${this.name}: an alignment of ${alignment} can never be had: blocks are aligned to ${this.align}`,
      { requestedBytes: byteLength, source: this.name, hint: `Construct it with alignment: ${alignment}.` },
    );
  }

  // Sees to it that a block is free or fresh; the error where there is none to be had.
  private makeRoom(byteLength: number): MemoryError | null {
    if (this.head >= LINK) return null;
    if (this.fresh === this.chunks.blocks) {
      if (this.fresh === this.settings.maxBlocks) {
        return this.noRoom(byteLength, this.blockBytes_, 'ERR_MEMORY_POOL_EXHAUSTED');
      }
      this.growing = true; // the provider is somebody else's code
      try {
        this.chunks.grow(NAME);
      } catch (error) {
        if (isMemoryError(error)) return error;
        throw error;
      } finally {
        this.growing = false;
      }
    }
    return this.fresh === this.words.length ? this.growWords() : null;
  }

  private growWords(): MemoryError | null {
    let grown: Int32Array;
    try {
      grown = bookArray(Int32Array, Math.min(this.words.length * 2, this.chunks.blocks));
    } catch (error) {
      return error as MemoryError;
    }
    grown.set(this.words);
    this.words = grown;
    if (!this.fills) this.freshEnd = grown.length;
    return null;
  }

  private deallocateSlowly(offset: number, byteLength: number): void {
    this.checkArguments('deallocate', offset, byteLength);
    const block = offset / this.stride;
    if (!Number.isInteger(block)) throw this.foreign('deallocate', offset, 'is not the begin of a block');
    const word = block < this.fresh ? (this.words[block] ?? 0) : 0;
    if (word === 0) throw this.foreign('deallocate', offset, 'was never handed out');
    if (word > 0) throw this.doubleFree('deallocate', offset);
    if (word < -LEASED) throw this.foreign('deallocate', offset, 'is out on lease: its PoolBox gives it back');
    if (word !== -byteLength) throw this.wrongSize('deallocate', offset, byteLength, `${-word}`);
    const { freeFill } = this.settings;
    if (freeFill !== -1) this.windowAt(block, 0, byteLength).fill(freeFill);
    this.words[block] = this.head;
    this.head = block + LINK;
    this.peak = this.peakLive;
    this.live -= 1;
  }

  private checkArguments(method: string, offset: number, byteLength: number): void {
    if (
      this.closed ||
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(byteLength) ||
      offset < 0 ||
      byteLength < 1
    ) {
      this.checkSpan(method, offset, byteLength);
    }
  }

  private windowAt(block: number, within: number, byteLength: number): Uint8Array {
    const chunk = this.chunks.chunkOf(block);
    const backing = this.chunks.at(chunk);
    if (backing === undefined) throw this.closedError('view');
    const start = (block - this.chunks.firstBlock(chunk)) * this.stride + within;
    return windowOf(this.name, backing, start, byteLength);
  }

  private fillLive(): void {
    for (let block = 0; block < this.fresh; block += 1) {
      const word = this.words[block] ?? 0;
      if (word < 0) this.windowAt(block, 0, word < -LEASED ? -word - LEASED : -word).fill(this.settings.freeFill);
    }
  }

  private needIdle(method: string): void {
    if (this.closed) throw this.closedError(method);
    if (this.growing) throw this.reentered(method);
  }

  private reentered(method: string): MemoryError {
    return memoryError('ERR_MEMORY_INVALID_STATE', `${this.where(method)}: called by the provider while it grows`, {
      source: this.name,
    });
  }

  private badView(offset: number, byteLength: number, word: number, room: number): MemoryError {
    const what =
      word === 0 ? 'was never handed out' : word > 0 ? 'is free' : `holds ${Math.max(0, room)} bytes from there on`;
    return memoryError(
      word > 0 ? 'ERR_MEMORY_FREED' : 'ERR_MEMORY_OUT_OF_RANGE',
      `BlockAllocator.view: ${byteLength} bytes at ${offset} cannot be seen: the block ${what}`,
      { requestedBytes: byteLength, source: this.name },
    );
  }
}
