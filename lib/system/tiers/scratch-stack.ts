import { AllocatorBase, type Backing, type MemorySource, openSource, windowOf } from '../../allocators';
import { checkInteger, checkOptions, checkString, memoryError } from '../../core';

const NAME = 'ScratchStack';
const GRANULE = 16;
const SHIFT = 4;
const PAGE = 4096;
const LARGEST = 2 ** 30;

export interface ScratchStackOptions {
  readonly name?: string;
}

/**
 * A stack for short-lived blocks that do not end in perfect order: allocating moves a cursor up, and the room of a freed block
 * comes back when every newer one is free too. So one block that lives long holds up what lies below it and nothing else.
 *
 * Every free is checked exactly: foreign, double, and with another size. Bookkeeping is 8 bytes for each 16 of the memory, in
 * JavaScript's heap and present where it was touched. At most 1 GiB; belongs to one thread.
 */
export class ScratchStack extends AllocatorBase {
  private readonly backing: Backing;
  private readonly capacity: number;
  /** The same, and -1 once disposed: no request finds room then. */
  private limit: number;
  /** Of each 16 bytes: the size of the block that begins there, or minus that once it is free; 0 for no begin. */
  private sizes: Int32Array;
  /** Of each begin: where the block before it begins, in granules; -1 for none. */
  private befores: Int32Array;
  /** Where the next block may begin, in bytes. */
  private top = 0;
  /** The newest block, in granules; -1 for none. It is never a free one. */
  private newest = -1;
  private live = 0;
  private peak = 0;
  /** The highest that the cursor was since the last trim(). */
  private dirty = 0;
  private handed = 0;
  /** Blocks that reset() took back. */
  private dropped = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and what mapping throws */
  constructor(source: MemorySource, options?: ScratchStackOptions) {
    const given = checkOptions<ScratchStackOptions>(NAME, options, ['name']);
    super(given.name === undefined ? NAME : checkString(`${NAME}: name`, given.name, 200), true);
    this.backing = openSource(NAME, source);
    try {
      this.capacity = checkInteger(`${NAME}: bytes`, this.backing.byteLength, GRANULE, LARGEST) & -GRANULE;
    } catch (error) {
      this.backing.release();
      throw error;
    }
    this.limit = this.capacity;
    this.sizes = new Int32Array(this.capacity >> SHIFT);
    this.befores = new Int32Array(this.capacity >> SHIFT);
  }

  /**
   * @param alignment a power of two to 4096; blocks have at least 16
   * @throws ERR_MEMORY_ARENA_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED
   */
  override allocate(byteLength: number, alignment: number = GRANULE): number {
    const fast = this.takeFast(byteLength, alignment);
    const offset = fast === -1 ? this.take('allocate', byteLength, alignment) : fast;
    if (offset === -1) throw this.noRoom(byteLength, this.capacity, 'ERR_MEMORY_ARENA_EXHAUSTED');
    return offset;
  }

  /** As allocate(), but -1 where there is no room. */
  override tryAllocate(byteLength: number, alignment: number = GRANULE): number {
    const offset = this.takeFast(byteLength, alignment);
    return offset === -1 ? this.take('tryAllocate', byteLength, alignment) : offset;
  }

  private takeFast(byteLength: number, alignment: number): number {
    return typeof byteLength === 'number' && // a bigint would throw below
      (byteLength | 0) === byteLength &&
      byteLength > 0 &&
      alignment === GRANULE &&
      byteLength <= this.limit - this.top
      ? this.push(this.top, byteLength)
      : -1;
  }

  private take(method: string, byteLength: number, alignment: number): number {
    this.checkRequest(method, byteLength, alignment);
    const step = Math.max(GRANULE, alignment);
    const start = Math.ceil(this.top / step) * step;
    if (byteLength <= this.limit - start) return this.push(start, byteLength);
    this.failures += 1;
    return -1;
  }

  private push(start: number, byteLength: number): number {
    const granule = start >> SHIFT;
    this.sizes[granule] = byteLength;
    this.befores[granule] = this.newest;
    this.newest = granule;
    this.top = (start + byteLength + GRANULE - 1) & -GRANULE;
    this.live += 1;
    this.handed += 1;
    return start;
  }

  /**
   * Gives a block back.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_INVALID_ARGUMENT for a wrong size, ERR_MEMORY_CLOSED
   */
  override deallocate(offset: number, byteLength: number): void {
    const granule = offset >> SHIFT;
    const { sizes } = this;
    if (
      typeof offset !== 'number' ||
      typeof byteLength !== 'number' ||
      granule << SHIFT !== offset ||
      !(byteLength > 0) ||
      sizes[granule] !== byteLength
    ) {
      throw this.badFree(offset, byteLength);
    }
    sizes[granule] = -byteLength;
    this.live -= 1;
    if (granule === this.newest) this.pop();
  }

  /** Goes down past the newest block and every free one below it. */
  private pop(): void {
    const { sizes, befores } = this;
    this.noteTop();
    let at = this.newest;
    while (at >= 0 && (sizes[at] as number) < 0) at = befores[at] as number;
    this.newest = at;
    // Down to the end of the block that lives, so that what alignment skipped comes back as well.
    this.top = at < 0 ? 0 : ((at << SHIFT) + (sizes[at] as number) + GRANULE - 1) & -GRANULE;
  }

  private noteTop(): void {
    if (this.top > this.peak) this.peak = this.top;
    if (this.top > this.dirty) this.dirty = this.top;
  }

  /** A window over one block or a part of it. @throws ERR_MEMORY_FREED, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED */
  override view(offset: number, byteLength: number): Uint8Array {
    this.checkSpan('view', offset, byteLength);
    if (offset + byteLength <= this.endAt(offset)) return windowOf(this.name, this.backing, offset, byteLength);
    const freed = offset % GRANULE === 0 && (this.sizes[offset / GRANULE] ?? 0) < 0;
    throw memoryError(
      freed ? 'ERR_MEMORY_FREED' : 'ERR_MEMORY_OUT_OF_RANGE',
      `${NAME}.view: ${byteLength} bytes at ${offset} ${freed ? 'were freed' : 'are not within one block'}`,
      { requestedBytes: byteLength, source: this.name },
    );
  }

  /** Takes everything back. O(bytes in use / 16). */
  override reset(): void {
    if (this.closed) throw this.closedError('reset');
    this.dropAll();
    this.resets += 1;
  }

  /** True inside a block that is handed out. */
  override owns(offset: number): boolean {
    if (this.closed || !Number.isSafeInteger(offset) || offset < 0) return false;
    return offset < this.endAt(offset);
  }

  /** Where the block that holds an offset ends; 0 for none. Walks back to its begin: only blocks that live have sizes above 0. */
  private endAt(offset: number): number {
    if (offset >= this.top) return 0;
    const { sizes } = this;
    let granule = offset >> SHIFT;
    while (granule >= 0 && (sizes[granule] as number) <= 0) granule -= 1;
    const end = granule < 0 ? 0 : (granule << SHIFT) + (sizes[granule] as number);
    return offset < end ? end : 0;
  }

  /** Bytes below the cursor: those of blocks that are in use, and of freed ones below them. */
  override get usedBytes(): number {
    return this.top;
  }

  override get capacityBytes(): number {
    return this.closed ? 0 : this.capacity;
  }

  protected override get peakUsedBytes(): number {
    return Math.max(this.peak, this.top);
  }

  protected override get liveAllocations(): number {
    return this.live;
  }

  protected override get reservedBytes(): number {
    return this.closed ? 0 : this.backing.byteLength;
  }

  override stats(): ReturnType<AllocatorBase['stats']> {
    this.allocations = this.handed;
    this.deallocations = this.handed - this.dropped - this.live;
    return super.stats();
  }

  /** Gives the pages above the cursor back to the system; returns the bytes given back. @throws ERR_MEMORY_CLOSED */
  trim(keepBytes: number = 0): number {
    if (this.closed) throw this.closedError('trim');
    checkInteger(`${NAME}.trim: keepBytes`, keepBytes);
    this.noteTop();
    const start = Math.ceil((this.top + keepBytes) / PAGE) * PAGE;
    const end = Math.min(Math.ceil(this.dirty / PAGE) * PAGE, this.backing.byteLength);
    if (start >= end) return 0;
    const bytes = this.backing.region.decommit({ offset: start, length: end - start });
    this.dirty = start;
    return bytes;
  }

  protected override letGo(): void {
    this.backing.release();
    this.dropAll();
    this.sizes = new Int32Array(0);
    this.befores = new Int32Array(0);
    this.limit = -1;
  }

  private dropAll(): void {
    this.noteTop();
    this.sizes.fill(0, 0, this.top >> SHIFT);
    this.dropped += this.live;
    this.live = 0;
    this.newest = -1;
    this.top = 0;
  }

  private badFree(offset: number, byteLength: number): Error {
    this.checkSpan('deallocate', offset, byteLength);
    const size = offset % GRANULE === 0 ? (this.sizes[offset / GRANULE] ?? 0) : 0;
    if (size < 0) return this.doubleFree('deallocate', offset);
    if (size === 0) return this.foreign('deallocate', offset, 'is not the begin of a block');
    return this.wrongSize('deallocate', offset, byteLength, `${size}`);
  }
}
