import { describe, isMemoryError, type MemoryError, memoryError } from '../../core';
import { AllocatorBase, FAST_LIMIT, windowOf } from './base';
import { type CommonSettings, fillRange } from './common-options';
import type { CursorMark } from './cursor-mark';
import type { Backing, MemorySource } from './source';
import { openMemory } from './supply';

/**
 * What bump and stack share: one piece of memory of which everything below a cursor is in use. The hot paths are the
 * sub-classes' own, `allocate` and `tryAllocate` with them: here they would see objects of two shapes.
 */
export abstract class CursorAllocator extends AllocatorBase {
  // The cursor: `near` while it is at most FAST_LIMIT, so that 32-bit arithmetic holds; from there on `far`.
  protected near = 0;
  protected far = 0;
  /** Highest end that the fast path may reach; -1 sends every request through the slow one. */
  protected fastEnd = -1;
  protected readonly backing: Backing;
  protected readonly allocFill: number;
  protected readonly freeFill: number;
  /** Where no request may take the fast path. */
  private readonly slow: boolean;
  /** Successful allocations. Counted with `stats: false` too: live blocks are known by it. */
  protected handed = 0;
  /** The peak before the cursor went down last. */
  protected peak = 0;
  protected generations = 0;

  protected constructor(where: string, source: MemorySource, settings: CommonSettings, slow: boolean) {
    super(settings.name, settings.stats);
    this.allocFill = settings.allocFill;
    this.freeFill = settings.freeFill;
    this.slow = slow || settings.allocFill !== -1;
    this.backing = openMemory(where, source, settings);
    this.moveTo(0);
  }

  /**
   * A window over memory below the cursor, across blocks if wanted.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE above the cursor, ERR_MEMORY_FREED when the region below was freed by its owner
   */
  override view(offset: number, byteLength: number): Uint8Array {
    if (
      this.closed ||
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(byteLength) ||
      offset < 0 ||
      byteLength < 1 ||
      byteLength > this.usedBytes - offset
    ) {
      throw this.badView(offset, byteLength);
    }
    return windowOf(this.name, this.backing, offset, byteLength);
  }

  /** True below the cursor. */
  override owns(offset: number): boolean {
    return !this.closed && Number.isSafeInteger(offset) && offset >= 0 && offset < this.usedBytes;
  }

  /** Gives back everything, in constant time unless freed memory is filled; every checkpoint and marker becomes stale. */
  override reset(): void {
    if (this.closed) throw this.closedError('reset');
    this.fillBack('reset', 0);
    this.dropAll();
    this.generations += 1;
    this.resets += this.step;
  }

  /** How often it was reset. */
  get generation(): number {
    return this.generations;
  }

  /** Bytes below the cursor, with alignment and rounding. */
  override get usedBytes(): number {
    return this.far === 0 ? this.near : this.far;
  }

  /** The length of the region. */
  override get capacityBytes(): number {
    return this.backing.byteLength;
  }

  protected override get peakUsedBytes(): number {
    return Math.max(this.peak, this.usedBytes);
  }

  protected override get reservedBytes(): number {
    return this.closed ? 0 : this.backing.byteLength;
  }

  protected override letGo(): void {
    this.backing.release();
    this.dropAll();
    this.fastEnd = -1;
  }

  /** Forgets every block and whatever leads back to them; the cursor is at 0 afterwards. */
  protected abstract dropAll(): void;

  /** Moves the cursor. What it passes on the way down must have been looked at for the peak. */
  protected moveTo(end: number): void {
    const near = end <= FAST_LIMIT;
    this.near = near ? end : FAST_LIMIT;
    this.far = near ? 0 : end;
    this.fastEnd = this.slow || !near ? -1 : Math.min(FAST_LIMIT, this.backing.byteLength);
  }

  /** Moves the cursor down, and notes where it was. */
  protected moveDown(end: number): void {
    this.peak = this.peakUsedBytes;
    this.moveTo(end);
  }

  /**
   * The slow half of a request: checks it with words, finds where it begins, and fills. -1 for `tryAllocate` without room.
   * Nothing is changed but the failures.
   */
  protected find(method: 'allocate' | 'tryAllocate', byteLength: number, alignment: number): number {
    this.checkRequest(method, byteLength, alignment);
    const used = this.usedBytes;
    const rest = used % alignment;
    const start = rest === 0 ? used : used + (alignment - rest);
    const capacity = this.backing.byteLength;
    if (byteLength > capacity - start) {
      this.failures += this.step;
      if (method === 'tryAllocate') return -1;
      throw this.noRoom(byteLength, capacity, 'ERR_MEMORY_ARENA_EXHAUSTED');
    }
    if (this.allocFill !== -1) {
      fillRange(this.where(method), this.backing.region, start, byteLength, this.allocFill);
    }
    return start;
  }

  /** @throws ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_ARGUMENT for what is no mark of this allocator */
  protected needOwn(
    method: string,
    word: string,
    kind: abstract new (...given: never[]) => CursorMark,
    mark: unknown,
  ): void {
    if (this.closed) throw this.closedError(method);
    if (mark instanceof kind && mark.owner === this) return;
    const what = mark instanceof kind ? 'one of another allocator' : describe(mark);
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${this.where(method)}: a ${word} of this allocator is needed, got ${what}`,
      { source: this.name },
    );
  }

  /** For a request whose bookkeeping cannot be had; nothing else has changed. */
  protected noBooks(method: 'allocate' | 'tryAllocate', error: unknown): -1 {
    this.failures += this.step;
    if (method === 'tryAllocate' && isMemoryError(error) && error.category === 'exhausted') return -1;
    throw error;
  }

  /** Fills what lies between an offset and the cursor, where freed memory is filled. */
  protected fillBack(method: string, start: number): void {
    const byteLength = this.usedBytes - start;
    if (this.freeFill !== -1 && byteLength > 0) {
      fillRange(this.where(method), this.backing.region, start, byteLength, this.freeFill);
    }
  }

  private badView(offset: number, byteLength: number): MemoryError {
    this.checkSpan('view', offset, byteLength);
    return memoryError(
      'ERR_MEMORY_OUT_OF_RANGE',
      `${this.where('view')}: ${byteLength} bytes at ${offset} are not all in use: the first ${this.usedBytes} are`,
      { requestedBytes: byteLength, availableBytes: Math.max(0, this.usedBytes - offset), source: this.name },
    );
  }
}
