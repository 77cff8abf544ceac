import { checkInteger, memoryError, overPreset, parseBytes } from '../../core';
import { AllocatorBase, type Backing, fillRange, type MemorySource, openMemory, windowOf } from '../base';
import { blockEnd, judge, slotOf } from './lookup';
import { checkHeapOptions, type HeapOptions, type HeapSettings } from './options';
import { fragmentationOf, type HeapFragmentation, noRunError } from './report';
import {
  alignedClassOf,
  CLASS_BYTES,
  CLASS_INVERSE,
  CLASS_OF_GRANULES,
  GRANULE_BYTES,
  HEAP_PAGE_BYTES,
  LARGEST_SMALL_BYTES,
  pagesFor,
} from './size-classes';
import { BITMAP, CLASS, FIRST_PAGE, LIVE, SLOTS, Slabs, SUMMARY } from './slabs';
import { trimRuns } from './trim';
import { validateHeap } from './validate';

/** Offsets are counted in pages of 32-bit integers, so the memory for bookkeeping would be the first to give out. */
const LARGEST_HEAP_BYTES = 2 ** 40;
const EXHAUSTED = 'ERR_MEMORY_ARENA_EXHAUSTED';
const PAGE_INVERSE = 1 / HEAP_PAGE_BYTES;
// Constants of this file are folded into the compiled code, imported ones are looked up in their module.
const SIZES = CLASS_BYTES;
const INVERSES = CLASS_INVERSE;
const CLASSES = CLASS_OF_GRANULES;

// Indices of `books`: typed, because a field that outgrows 31 bits changes its representation and the code with it.
const USED = 0;
const PEAK = 1;
const ALLOCATIONS = 2;
const DEALLOCATIONS = 3;
const LIVE_BEFORE_RESETS = 4;

/**
 * Blocks of any size, freed in any order, in constant time: a general allocator over one region. Only a block of 2 MiB and
 * more, where no free run is left but those of about its size, looks through these: at most 512 a GiB.
 *
 * Blocks up to 32 KiB lie in slabs of one size class each (16-byte steps up to 128 bytes, then eight classes a doubling),
 * larger ones are runs of 4 KiB pages. Every block begins on a multiple of 16 bytes, or of the alignment asked for. The
 * bookkeeping lies outside the blocks: a stray write cannot harm it, and every foreign or double free is noticed and
 * throws. Contents are what the last user left. Memory that was freed stays ready; `trim()` gives it back to the system.
 *
 * One thread at a time, as with every local allocator; `SharedHeapAllocator` serves many.
 */
export class HeapAllocator extends AllocatorBase {
  private slabs: Slabs;
  private readonly books = new Float64Array(5);
  private readonly backing: Backing;
  private readonly settings: HeapSettings;
  private readonly sizes: Map<number, number> | null;
  /** Blocks are filled or their sizes kept: one more question in the fast paths. */
  private readonly careful: boolean;

  /**
   * @param source bytes, `'64MiB'`, `{ region }` or `{ provider, byteLength }`; a size is rounded up to pages
   * @throws ERR_MEMORY_OUT_OF_RANGE below one page of 4 KiB, ERR_MEMORY_TOO_LARGE above 1 TiB, ERR_MEMORY_INVALID_ARGUMENT,
   *   and what mapping throws
   */
  constructor(source: MemorySource, options?: HeapOptions) {
    const settings = checkHeapOptions('HeapAllocator', options);
    super(settings.name, settings.stats);
    if (typeof source === 'number' || typeof source === 'string') {
      checkPages(parseBytes(source, 'HeapAllocator: byteLength', { minBytes: 1 })); // before anything is mapped
    }
    const backing = openMemory('HeapAllocator', source, settings);
    try {
      this.slabs = new Slabs(checkPages(backing.byteLength));
    } catch (error) {
      backing.release();
      throw error;
    }
    this.backing = backing;
    this.settings = settings;
    this.sizes = settings.exactSizes ? new Map() : null;
    this.careful = settings.exactSizes || settings.allocFill >= 0 || settings.freeFill >= 0;
  }

  /** No counters, no filling. */
  static production(source: MemorySource, more?: HeapOptions): HeapAllocator {
    return new HeapAllocator(source, overPreset('HeapAllocator.production', { stats: false }, more));
  }

  /** As production: the checks that stay cost two nanoseconds and are worth them. */
  static performance(source: MemorySource, more?: HeapOptions): HeapAllocator {
    return new HeapAllocator(source, overPreset('HeapAllocator.performance', { stats: false }, more));
  }

  /** Counters, exact sizes, 0xAA in what is handed out and 0xDD in what came back. */
  static debug(source: MemorySource, more?: HeapOptions): HeapAllocator {
    return new HeapAllocator(
      source,
      overPreset('HeapAllocator.debug', { stats: true, exactSizes: true, allocFill: 0xaa, freeFill: 0xdd }, more),
    );
  }

  /**
   * The offset of a block of at least `byteLength` bytes.
   *
   * @param alignment a power of two from 1 to 4096; default 16
   * @throws ERR_MEMORY_ARENA_EXHAUSTED where there is no room, ERR_MEMORY_TOO_LARGE for what can never fit,
   *   ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED
   */
  allocate(byteLength: number, alignment: number = GRANULE_BYTES): number {
    const offset = this.take(byteLength, alignment, 'allocate');
    if (offset < 0) {
      this.failures += this.step;
      const { pages } = this.slabs.runs;
      if (byteLength > pages * HEAP_PAGE_BYTES) throw this.noRoom(byteLength, pages * HEAP_PAGE_BYTES, EXHAUSTED);
      throw noRunError(this.name, this.slabs, this.usedBytes, byteLength);
    }
    return offset;
  }

  /** As allocate(), but -1 where there is no room. */
  tryAllocate(byteLength: number, alignment: number = GRANULE_BYTES): number {
    const offset = this.take(byteLength, alignment, 'tryAllocate');
    if (offset < 0) this.failures += this.step;
    return offset;
  }

  /**
   * Gives a block back.
   *
   * @param byteLength as asked for; a size of the same class passes, unless `exactSizes` is set
   * @throws ERR_MEMORY_FOREIGN_FREE for an offset where no block begins, ERR_MEMORY_DOUBLE_FREE for a block that is free,
   *   ERR_MEMORY_INVALID_ARGUMENT for a wrong size, ERR_MEMORY_CLOSED
   */
  deallocate(offset: number, byteLength: number): void {
    if (typeof offset !== 'number' || typeof byteLength !== 'number') {
      this.refuseSpan(offset, byteLength);
      return;
    }
    const { slabs } = this;
    const record = slabs.map[(offset * PAGE_INVERSE) | 0] as number;
    if (!(record > 0) || this.careful) {
      this.deallocateSlowly(offset, byteLength);
      return;
    }
    const { records } = slabs;
    const index = records[record + CLASS] as number;
    const size = SIZES[index] as number;
    const first = (records[record + FIRST_PAGE] as number) * HEAP_PAGE_BYTES;
    const slot = ((offset - first + 0.5) * (INVERSES[index] as number)) | 0;
    if (
      first + slot * size !== offset ||
      slot >= (records[record + SLOTS] as number) ||
      (byteLength | 0) !== byteLength ||
      CLASSES[(byteLength + GRANULE_BYTES - 1) >> 4] !== index ||
      ((records[record + BITMAP + (slot >> 5)] as number) & (1 << slot)) !== 0
    ) {
      this.deallocateSlowly(offset, byteLength);
      return;
    }
    this.giveSlot(slabs, record, index, slot);
  }

  /**
   * A window of a block or of a part of it. Its length is 0 once memory that the heap owns is let go of.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE where no single block that is handed out spans it, ERR_MEMORY_FREED, ERR_MEMORY_CLOSED
   */
  view(offset: number, byteLength: number): Uint8Array {
    const end = blockEnd(this.slabs, offset);
    if (end < 0 || !Number.isInteger(byteLength) || byteLength < 1 || byteLength > end - offset) {
      this.refuseView(offset, byteLength);
    }
    return windowOf(this.name, this.backing, offset, byteLength);
  }

  /** Takes every block back at once. O(pages ever used). */
  reset(): void {
    if (this.closed) throw this.closedError('reset');
    this.books[LIVE_BEFORE_RESETS] = (this.books[ALLOCATIONS] as number) - (this.books[DEALLOCATIONS] as number);
    this.books[USED] = 0;
    this.slabs.reset();
    this.sizes?.clear();
    this.resets += this.step;
  }

  /** True for an offset inside a block that is handed out. O(1), but for large blocks O(their pages / 32). */
  owns(offset: number): boolean {
    return blockEnd(this.slabs, offset) >= 0;
  }

  /** Bytes that a block can hold, its size rounded up; 0 for an offset inside no block. */
  usableBytes(offset: number): number {
    const end = blockEnd(this.slabs, offset);
    return end < 0 ? 0 : end - offset;
  }

  /**
   * Makes a block larger or smaller, in place while its class stays, else by copying. Returns its offset. When there is
   * no room, the block stays as it was.
   *
   * @throws as allocate() and deallocate()
   */
  reallocate(offset: number, byteLength: number, newByteLength: number, alignment: number = GRANULE_BYTES): number {
    this.checkSpan('reallocate', offset, byteLength);
    this.checkRequest('reallocate', newByteLength, alignment);
    this.checkBlock('reallocate', offset, byteLength);
    const usable = this.usableBytes(offset);
    const same = roundedBytes(newByteLength) === usable && roundedBytes(byteLength) === usable;
    if (same && offset % alignment === 0) {
      this.sizes?.set(offset, newByteLength);
      return offset;
    }
    const kept = this.view(offset, Math.min(byteLength, newByteLength)); // refuses here, while nothing is taken yet
    const target = this.allocate(newByteLength, alignment);
    try {
      this.view(target, kept.length).set(kept);
      this.deallocate(offset, byteLength);
    } catch (error) {
      this.giveAny(target); // a region that is smaller than it was: the old block stays
      throw error;
    }
    return target;
  }

  /**
   * Gives free pages back to the system, all but `keepBytes`; returns the bytes given back. Pages below huge pages of
   * the pools cannot be given back: 0 then.
   *
   * @throws ERR_MEMORY_INVALID_STATE while the region is locked, ERR_MEMORY_FREED, ERR_MEMORY_CLOSED
   */
  trim(keepBytes: number = 0): number {
    if (this.closed) throw this.closedError('trim');
    checkInteger('HeapAllocator.trim: keepBytes', keepBytes);
    this.slabs.dropEmpty();
    return trimRuns(this.slabs.runs, this.backing.region, keepBytes);
  }

  /** Where the memory is. O(free runs). */
  fragmentation(): HeapFragmentation {
    return fragmentationOf(this.slabs, this.usedBytes);
  }

  /** Compares all of the books with each other. O(pages). @throws ERR_MEMORY_CORRUPTION */
  validate(): void {
    if (!this.closed) validateHeap(this.slabs, this.usedBytes, this.liveAllocations);
  }

  /** Bytes handed out, rounded up to classes and pages. */
  override get usedBytes(): number {
    return this.books[USED] as number;
  }

  /** Whole pages of the region. */
  override get capacityBytes(): number {
    return this.closed ? 0 : this.slabs.runs.pages * HEAP_PAGE_BYTES;
  }

  protected override get peakUsedBytes(): number {
    return this.books[PEAK] as number;
  }

  protected override get liveAllocations(): number {
    const { books } = this;
    return (books[ALLOCATIONS] as number) - (books[DEALLOCATIONS] as number) - (books[LIVE_BEFORE_RESETS] as number);
  }

  protected override get reservedBytes(): number {
    return this.closed ? 0 : this.backing.byteLength;
  }

  /** As AllocatorBase.stats. */
  override stats(): ReturnType<AllocatorBase['stats']> {
    this.allocations = this.step * (this.books[ALLOCATIONS] as number);
    this.deallocations = this.step * (this.books[DEALLOCATIONS] as number);
    return super.stats();
  }

  protected override letGo(): void {
    this.backing.release();
    this.slabs = new Slabs(1); // has nothing: every call ends in its slow path, which asks whether we are closed
    this.books[USED] = 0;
    this.books[LIVE_BEFORE_RESETS] = (this.books[ALLOCATIONS] as number) - (this.books[DEALLOCATIONS] as number);
    this.sizes?.clear();
  }

  // ---- taking ----------------------------------------------------------------------------------------------------

  // -1 where there is no room.
  private take(byteLength: number, alignment: number, method: string): number {
    if (
      typeof byteLength === 'number' &&
      (byteLength | 0) === byteLength &&
      byteLength <= LARGEST_SMALL_BYTES &&
      byteLength > 0 &&
      (alignment === GRANULE_BYTES || alignment === 8) &&
      !this.careful
    ) {
      const { slabs } = this;
      const index = CLASSES[(byteLength + GRANULE_BYTES - 1) >> 4] as number;
      const record = slabs.heads[index] as number;
      if (record !== 0) return this.takeSlot(slabs, record, index);
    }
    return this.takeSlowly(byteLength, alignment, method);
  }

  // The lowest free block of a slab that has one.
  private takeSlot(slabs: Slabs, record: number, index: number): number {
    const { records } = slabs;
    const summary = records[record + SUMMARY] as number;
    const word = 31 - Math.clz32(summary & -summary);
    const at = record + BITMAP + word;
    const bits = records[at] as number;
    const rest = bits & (bits - 1);
    records[at] = rest;
    records[record + LIVE] = (records[record + LIVE] as number) + 1;
    if (rest === 0) {
      const others = summary & (summary - 1);
      records[record + SUMMARY] = others;
      if (others === 0) slabs.unlink(index, record);
    }
    const slot = (word << 5) + 31 - Math.clz32(bits & -bits);
    const size = SIZES[index] as number;
    this.charge(size);
    return (records[record + FIRST_PAGE] as number) * HEAP_PAGE_BYTES + slot * size;
  }

  private charge(bytes: number): void {
    const { books } = this;
    const used = (books[USED] as number) + bytes;
    books[USED] = used;
    if (used > (books[PEAK] as number)) books[PEAK] = used;
    books[ALLOCATIONS] = (books[ALLOCATIONS] as number) + 1;
  }

  private takeSlowly(byteLength: number, alignment: number, method: string): number {
    this.checkRequest(method, byteLength, alignment);
    if (this.careful) windowOf('HeapAllocator', this.backing, 0, 0); // a freed region refuses here, not half-way
    const peak = this.books[PEAK] as number;
    let offset = this.takeOnce(byteLength, alignment);
    if (offset < 0 && this.slabs.dropEmpty() > 0) offset = this.takeOnce(byteLength, alignment);
    if (offset >= 0 && this.careful) this.dress(offset, byteLength, peak);
    return offset;
  }

  // What the careful modes do to a new block. When that throws it was never handed out: a Map has its limit, and a region
  // can be smaller than it was.
  private dress(offset: number, byteLength: number, peak: number): void {
    try {
      this.sizes?.set(offset, byteLength);
      const { allocFill } = this.settings;
      if (allocFill >= 0) fillRange('HeapAllocator', this.backing.region, offset, byteLength, allocFill);
    } catch (error) {
      this.giveAny(offset);
      this.books[ALLOCATIONS] = (this.books[ALLOCATIONS] as number) - 1;
      this.books[DEALLOCATIONS] = (this.books[DEALLOCATIONS] as number) - 1;
      this.books[PEAK] = peak;
      throw error;
    }
  }

  private takeOnce(byteLength: number, alignment: number): number {
    const { slabs } = this;
    const index = byteLength <= LARGEST_SMALL_BYTES ? alignedClassOf(byteLength, alignment) : -1;
    if (index >= 0) {
      const odd = CLASSES[(byteLength + GRANULE_BYTES - 1) >> 4] !== index;
      if (odd && !slabs.makeOdd()) return -1;
      const record = (slabs.heads[index] as number) || slabs.add(index);
      if (record === 0) return -1;
      const offset = this.takeSlot(slabs, record, index);
      if (odd) slabs.setOdd(record, slotOf(slabs, record, offset), true);
      return offset;
    }
    const pages = pagesFor(byteLength);
    if (pages > slabs.runs.free) return -1;
    const page = slabs.runs.acquire(pages);
    if (page < 0) return -1;
    slabs.map[page] = -pages;
    this.charge(pages * HEAP_PAGE_BYTES);
    return page * HEAP_PAGE_BYTES;
  }

  // ---- giving back -----------------------------------------------------------------------------------------------

  private giveSlot(slabs: Slabs, record: number, index: number, slot: number): void {
    const { records } = slabs;
    const { books } = this;
    const word = slot >> 5;
    const at = record + BITMAP + word;
    const summary = records[record + SUMMARY] as number;
    const live = (records[record + LIVE] as number) - 1;
    records[at] = (records[at] as number) | (1 << slot);
    records[record + LIVE] = live;
    records[record + SUMMARY] = summary | (1 << word);
    books[USED] = (books[USED] as number) - (SIZES[index] as number);
    books[DEALLOCATIONS] = (books[DEALLOCATIONS] as number) + 1;
    if (summary === 0) slabs.link(index, record);
    if (live === 0) slabs.dropIfSpare(index, record);
  }

  private deallocateSlowly(offset: number, byteLength: number): void {
    this.checkSpan('deallocate', offset, byteLength);
    this.checkBlock('deallocate', offset, byteLength);
    const { freeFill } = this.settings;
    if (freeFill >= 0) fillRange('HeapAllocator', this.backing.region, offset, byteLength, freeFill);
    this.giveAny(offset);
  }

  // Frees a block that is known to be there.
  private giveAny(offset: number): void {
    const { slabs } = this;
    const page = Math.floor(offset / HEAP_PAGE_BYTES);
    const record = slabs.map[page] as number;
    this.sizes?.delete(offset);
    if (record > 0) {
      const slot = slotOf(slabs, record, offset);
      slabs.setOdd(record, slot, false);
      this.giveSlot(slabs, record, slabs.records[record + CLASS] as number, slot);
      return;
    }
    slabs.map[page] = 0;
    slabs.runs.release(page, -record);
    this.books[USED] = (this.books[USED] as number) + record * HEAP_PAGE_BYTES;
    this.books[DEALLOCATIONS] = (this.books[DEALLOCATIONS] as number) + 1;
  }

  // ---- asking ----------------------------------------------------------------------------------------------------

  // Throws unless a block that is handed out begins at the offset and may have that size.
  private checkBlock(method: string, offset: number, byteLength: number): void {
    const verdict = judge(this.slabs, offset);
    if (verdict.state === 'foreign') throw this.foreign(method, offset, verdict.why);
    if (verdict.state === 'free') throw this.doubleFree(method, offset);
    const { below, upTo } = verdict;
    const exact = this.sizes?.get(offset);
    if (exact === undefined ? byteLength > below && byteLength <= upTo : byteLength === exact) return;
    throw this.wrongSize(method, offset, byteLength, exact === undefined ? `${below + 1} to ${upTo}` : String(exact));
  }

  private refuseSpan(offset: number, byteLength: number): void {
    this.checkSpan('deallocate', offset, byteLength);
  }

  private refuseView(offset: number, byteLength: number): never {
    this.checkSpan('view', offset, byteLength);
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${this.where('view')}: no block that is handed out holds bytes ${offset} to ${offset + byteLength}`,
      { source: this.name },
    );
  }
}

// What a block of that size occupies.
function roundedBytes(byteLength: number): number {
  if (byteLength > LARGEST_SMALL_BYTES) return pagesFor(byteLength) * HEAP_PAGE_BYTES;
  return SIZES[CLASSES[(byteLength + GRANULE_BYTES - 1) >> 4] as number] as number;
}

function checkPages(byteLength: number): number {
  const pages = Math.floor(byteLength / HEAP_PAGE_BYTES);
  if (pages < 1) {
    throw memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `HeapAllocator: a heap needs ${HEAP_PAGE_BYTES} bytes, got ${byteLength}`,
    );
  }
  if (byteLength > LARGEST_HEAP_BYTES) {
    throw memoryError('ERR_MEMORY_TOO_LARGE', `HeapAllocator: ${byteLength} bytes are more than a heap can manage`, {
      requestedBytes: byteLength,
      limitBytes: LARGEST_HEAP_BYTES,
      hint: 'Use several heaps.',
    });
  }
  return pages;
}
