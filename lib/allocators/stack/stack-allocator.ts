import { type AllocatorStats, type MemoryError, memoryError, overPreset } from '../../core';
import { bookArray, CursorAllocator, type MemorySource, runWithin } from '../base';
import { StackFrame, StackMarker } from './marker';
import { STACK_PRESETS, type StackOptions, stackSettings } from './options';

const NAME = 'StackAllocator';
const FIRST_RECORDS = 128;
/** Numbers kept for a block: where the top was before it, where it begins, how long it is. */
const WORDS = 3;

/**
 * Blocks are given back newest first, each by deallocate() or tryPop(), or many by a marker or a frame. What alignment
 * skipped comes back too, so a stack that is emptied in order is empty. Every block costs 24 bytes of bookkeeping, outside
 * of the memory. Belongs to one thread; works beyond 4 GiB, with offsets under 1 GiB as the fast ones.
 */
export class StackAllocator extends CursorAllocator {
  private records = new Float64Array(FIRST_RECORDS * WORDS);
  /** Live blocks. */
  private depth = 0;
  /** Live blocks that the fast path may reach before the records must grow. */
  private room = FIRST_RECORDS;
  /** Records up to here tell of blocks since the last reset: a free that comes twice is recognized by them. */
  private known = 0;
  /** Blocks given back by markers and reset, which count as no deallocation. */
  private dropped = 0;
  /** Markers that are still good: their heights, rising, and serial numbers. */
  private readonly markDepths: number[] = [];
  private readonly markSerials: number[] = [];
  private nextSerial = 1;
  /** Height of the newest marker; going below it makes it stale. -1 for none. */
  private marked = -1;

  /**
   * @param source bytes of private memory, `{ region }` (stays its owner's) or `{ provider, byteLength }`
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_FREED for a freed region, and what mapping
   *   throws
   */
  constructor(source: MemorySource, options?: StackOptions) {
    super(NAME, source, stackSettings(NAME, options), false);
  }

  /** No counting. */
  static production(source: MemorySource, more?: StackOptions): StackAllocator {
    return new StackAllocator(source, overPreset('StackAllocator.production', STACK_PRESETS.production, more));
  }

  /** Fills with 0xCC and 0xDD. */
  static debug(source: MemorySource, more?: StackOptions): StackAllocator {
    return new StackAllocator(source, overPreset('StackAllocator.debug', STACK_PRESETS.debug, more));
  }

  /** No counting. */
  static performance(source: MemorySource, more?: StackOptions): StackAllocator {
    return new StackAllocator(source, overPreset('StackAllocator.performance', STACK_PRESETS.performance, more));
  }

  /** 32 KiB. */
  static small(options?: StackOptions): StackAllocator {
    return new StackAllocator('32KiB', options);
  }

  /** 512 KiB. */
  static medium(options?: StackOptions): StackAllocator {
    return new StackAllocator('512KiB', options);
  }

  /** 8 MiB. */
  static large(options?: StackOptions): StackAllocator {
    return new StackAllocator('8MiB', options);
  }

  /**
   * @param byteLength 1 to the capacity
   * @param alignment a power of two to 4096, default 8
   * @throws ERR_MEMORY_ARENA_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED
   */
  override allocate(byteLength: number, alignment: number = 8): number {
    const start = this.tryFast(byteLength, alignment);
    return start === -1 ? this.slowly('allocate', byteLength, alignment) : start;
  }

  /** As `allocate`, but -1 where that throws ERR_MEMORY_ARENA_EXHAUSTED or ERR_MEMORY_TOO_LARGE. */
  override tryAllocate(byteLength: number, alignment: number = 8): number {
    const start = this.tryFast(byteLength, alignment);
    return start === -1 ? this.slowly('tryAllocate', byteLength, alignment) : start;
  }

  private tryFast(byteLength: number, alignment: number): number {
    if (typeof byteLength === 'number' && typeof alignment === 'number') {
      const bytes = byteLength | 0;
      const step = alignment | 0;
      if (
        bytes === byteLength &&
        bytes > 0 &&
        step === alignment &&
        step > 0 &&
        step <= 4096 &&
        (step & (step - 1)) === 0
      ) {
        const { near, depth } = this;
        const start = (near + step - 1) & -step;
        const end = start + bytes;
        if (end <= this.fastEnd && depth < this.room) {
          const at = depth * WORDS;
          const { records } = this;
          records[at] = near;
          records[at + 1] = start;
          records[at + 2] = bytes;
          this.near = end;
          this.depth = depth + 1;
          this.handed += 1;
          return start;
        }
      }
    }
    return -1;
  }

  /**
   * Gives back the newest block. Markers above the height that is left become stale.
   *
   * @throws ERR_MEMORY_LIFO_VIOLATION for a block that is not the newest, ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE,
   *   ERR_MEMORY_INVALID_ARGUMENT for a wrong size, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED
   */
  override deallocate(offset: number, byteLength: number): void {
    const depth = this.depth - 1;
    const at = depth * WORDS;
    const { records } = this;
    if (this.closed || depth < 0 || records[at + 1] !== offset || records[at + 2] !== byteLength) {
      throw this.badFree(offset, byteLength);
    }
    this.pop(at);
  }

  /** Gives back the newest block; its offset, or -1 when there is none. @throws ERR_MEMORY_CLOSED */
  tryPop(): number {
    if (this.closed) throw this.closedError('tryPop');
    if (this.depth === 0) return -1;
    const at = (this.depth - 1) * WORDS;
    const start = this.records[at + 1] ?? -1;
    this.pop(at);
    return start;
  }

  private pop(at: number): void {
    const top = this.far === 0 ? this.near : this.far;
    const before = this.records[at] ?? 0;
    if (this.freeFill !== -1) this.fillBack('deallocate', before);
    if (top > this.peak) this.peak = top;
    if (this.depth > this.known) this.known = this.depth;
    this.depth -= 1;
    if (this.far === 0) this.near = before;
    else this.moveTo(before);
    if (this.depth < this.marked) this.dropMarkersAbove(this.depth);
  }

  // ---- markers -------------------------------------------------------------------------------------------------

  /** The present height. Good until the stack goes below it, or reset(). @throws ERR_MEMORY_CLOSED */
  mark(): StackMarker {
    if (this.closed) throw this.closedError('mark');
    if (this.marked !== this.depth) {
      this.markDepths.push(this.depth);
      this.markSerials.push(this.nextSerial);
      this.nextSerial += 1;
      this.marked = this.depth;
    }
    const serial = this.markSerials[this.markSerials.length - 1] ?? 0;
    return new StackMarker(this, this.usedBytes, this.generations, this.depth, serial);
  }

  /**
   * Gives back everything above a marker. Later markers become stale, this one does not.
   *
   * @throws ERR_MEMORY_LIFO_VIOLATION when the stack went below the marker since (an earlier marker was released, or blocks
   *   under it popped), ERR_MEMORY_STALE_HANDLE after reset(), ERR_MEMORY_INVALID_ARGUMENT for what is no marker of this
   *   stack, ERR_MEMORY_CLOSED
   */
  release(marker: StackMarker): void {
    this.needOwn('release', 'marker', StackMarker, marker);
    if (!this.releaseIfValid(marker)) throw this.staleMarker(marker);
  }

  /** As release(), but false for a marker that it would refuse, and for any after disposal. For frames. */
  releaseIfValid(marker: StackMarker): boolean {
    if (!this.isValid(marker)) return false;
    const { depth } = marker;
    if (depth < this.depth) {
      const top = this.records[depth * WORDS] ?? 0;
      this.fillBack('release', top);
      this.cutTo(depth, top);
    }
    this.dropMarkersAbove(depth);
    return true;
  }

  /** False for markers that release() would refuse. */
  isValid(marker: StackMarker): boolean {
    if (this.closed || !(marker instanceof StackMarker) || marker.owner !== this) return false;
    if (marker.generation !== this.generations) return false;
    // Rising heights, at most one marker a height: a binary search finds the one that it was.
    let low = 0;
    let high = this.markDepths.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.markDepths[middle] ?? 0) < marker.depth) low = middle + 1;
      else high = middle;
    }
    return this.markDepths[low] === marker.depth && this.markSerials[low] === marker.serial;
  }

  /**
   * Without a function: an object for `using` that gives back at the end of the block what was allocated in it. With one:
   * runs it and gives back what it allocated, also when it throws.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT when the function returns a promise: its work would outlive the memory
   */
  frame(): StackFrame;
  frame<T>(work: (allocator: this) => T): T;
  frame<T>(work?: (allocator: this) => T): T | StackFrame {
    const frame = new StackFrame(this, this.mark());
    if (work === undefined) return frame;
    const hint = 'Write `using frame = stack.frame()` in the async function itself.';
    return runWithin(this.where('frame'), work, this, () => frame.dispose(), hint);
  }

  // ---- what it is ----------------------------------------------------------------------------------------------

  override stats(): AllocatorStats {
    this.allocations = this.step === 1 ? this.handed : 0;
    this.deallocations = this.step === 1 ? this.handed - this.dropped - this.depth : 0;
    return super.stats();
  }

  protected override get liveAllocations(): number {
    return this.depth;
  }

  protected override dropAll(): void {
    this.cutTo(0, 0);
    this.known = 0;
    this.dropMarkersAbove(-1);
  }

  // ---- slow paths ----------------------------------------------------------------------------------------------

  private slowly(method: 'allocate' | 'tryAllocate', byteLength: number, alignment: number): number {
    const start = this.find(method, byteLength, alignment);
    if (start === -1) return -1;
    if (this.depth === this.room) {
      try {
        this.growRecords();
      } catch (error) {
        return this.noBooks(method, error);
      }
    }
    const at = this.depth * WORDS;
    this.records[at] = this.usedBytes;
    this.records[at + 1] = start;
    this.records[at + 2] = byteLength;
    this.depth += 1;
    this.handed += 1;
    this.moveTo(start + byteLength);
    return start;
  }

  private growRecords(): void {
    const grown = bookArray(Float64Array, this.records.length * 2);
    grown.set(this.records);
    this.records = grown;
    this.room = grown.length / WORDS;
  }

  private cutTo(depth: number, top: number): void {
    if (this.depth > this.known) this.known = this.depth;
    this.dropped += this.depth - depth;
    this.depth = depth;
    this.moveDown(top);
  }

  private dropMarkersAbove(depth: number): void {
    const { markDepths, markSerials } = this;
    while (markDepths.length > 0 && (markDepths[markDepths.length - 1] ?? 0) > depth) {
      markDepths.pop();
      markSerials.pop();
    }
    this.marked = markDepths[markDepths.length - 1] ?? -1;
  }

  private badFree(offset: number, byteLength: number): MemoryError {
    this.checkSpan('deallocate', offset, byteLength);
    const { records, depth } = this;
    for (let block = depth - 1; block >= 0; block -= 1) {
      if (records[block * WORDS + 1] !== offset) continue;
      const size = records[block * WORDS + 2] ?? 0;
      if (size !== byteLength) return this.wrongSize('deallocate', offset, byteLength, `${size}`);
      return memoryError(
        'ERR_MEMORY_LIFO_VIOLATION',
        `StackAllocator.deallocate: ${depth - 1 - block} newer blocks lie above the one at ${offset}`,
        { source: this.name, hint: 'Free newest first, or use a marker, or a HeapAllocator for frees in any order.' },
      );
    }
    for (let block = depth; block < Math.max(this.known, depth); block += 1) {
      if (records[block * WORDS + 1] === offset) return this.doubleFree('deallocate', offset);
    }
    return this.foreign('deallocate', offset, 'is not the begin of a block');
  }

  private staleMarker(marker: StackMarker): MemoryError {
    const stale = marker.generation !== this.generations;
    return memoryError(
      stale ? 'ERR_MEMORY_STALE_HANDLE' : 'ERR_MEMORY_LIFO_VIOLATION',
      `StackAllocator.release: ${
        stale ? 'the stack was reset, or the frame ended, before' : 'the stack went below the marker since it was taken'
      } (marker at ${marker.offset}, ${marker.depth} blocks, generation ${marker.generation})`,
      { source: this.name, hint: 'Release markers and frames in the opposite order of taking them.' },
    );
  }
}
