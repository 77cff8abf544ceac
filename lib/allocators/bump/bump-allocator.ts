import { type AllocatorStats, type MemoryError, memoryError, overPreset } from '../../core';
import { CursorAllocator, fillRange, type MemorySource, type Recipe, runWithin } from '../base';
import { BumpCheckpoint, BumpScope } from './checkpoint';
import { FreedBits } from './freed-bits';
import { BlockLedger } from './ledger';
import { BUMP_PRESETS, type BumpOptions, bumpSettings } from './options';
import { Segments } from './segments';

const NAME = 'BumpAllocator';

/**
 * One cursor over one piece of memory: allocating moves it on, and everything is given back at once, by reset() or by
 * restoring a checkpoint. `deallocate` checks and counts, and frees nothing.
 *
 * The memory is as it was found: zeros from the system, and after reset() what was there before. Belongs to one thread.
 * Works beyond 4 GiB; offsets under 1 GiB are the fast ones. Offsets do not repeat before reset() or restore().
 */
export class BumpAllocator extends CursorAllocator {
  private readonly leastBytes: number;
  private readonly ledger: BlockLedger | null;
  /** Null where the ledger knows. */
  private readonly freed: FreedBits | null;
  private readonly segments = new Segments();
  /** What `handed` was when the newest segment began, and how many of its blocks were freed. */
  private segmentBase = 0;
  private segmentFreed = 0;

  /**
   * @param source bytes of private memory, `{ region }` (stays its owner's) or `{ provider, byteLength }`
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_FREED for a freed region, and what mapping
   *   throws
   */
  constructor(source: MemorySource, options?: BumpOptions) {
    const settings = bumpSettings(NAME, options);
    super(NAME, source, settings, settings.exactFrees);
    this.leastBytes = settings.leastBytes;
    this.ledger = settings.exactFrees ? new BlockLedger() : null;
    this.freed = settings.exactFrees ? null : new FreedBits(settings.leastBytes);
  }

  /** No counting, blocks of at least 16 bytes. */
  static production(source: MemorySource, more?: BumpOptions): BumpAllocator {
    return new BumpAllocator(source, overPreset('BumpAllocator.production', BUMP_PRESETS.production, more));
  }

  /** Fills with 0xAA and 0xDD, finds every wrong free, does not round sizes. Some 20 times slower. */
  static debug(source: MemorySource, more?: BumpOptions): BumpAllocator {
    return new BumpAllocator(source, overPreset('BumpAllocator.debug', BUMP_PRESETS.debug, more));
  }

  /** No counting, blocks of at least a cache line of 64 bytes. */
  static performance(source: MemorySource, more?: BumpOptions): BumpAllocator {
    return new BumpAllocator(source, overPreset('BumpAllocator.performance', BUMP_PRESETS.performance, more));
  }

  /** Counting, blocks of at least 8 bytes. */
  static conservative(source: MemorySource, more?: BumpOptions): BumpAllocator {
    return new BumpAllocator(source, overPreset('BumpAllocator.conservative', BUMP_PRESETS.conservative, more));
  }

  /** The defaults: this class is for one thread anyway. */
  static singleThread(source: MemorySource, more?: BumpOptions): BumpAllocator {
    return new BumpAllocator(source, overPreset('BumpAllocator.singleThread', BUMP_PRESETS.singleThread, more));
  }

  /** 64 KiB. */
  static small(options?: BumpOptions): BumpAllocator {
    return new BumpAllocator('64KiB', options);
  }

  /** 1 MiB. */
  static medium(options?: BumpOptions): BumpAllocator {
    return new BumpAllocator('1MiB', options);
  }

  /** 16 MiB. */
  static large(options?: BumpOptions): BumpAllocator {
    return new BumpAllocator('16MiB', options);
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
        const start = (this.near + step - 1) & -step;
        let size = bytes;
        if (size < this.leastBytes) size = this.leastBytes; // cheaper than Math.max here
        const end = start + size;
        if (end <= this.fastEnd) {
          this.near = end;
          this.handed += 1;
          return start;
        }
      }
    }
    return -1;
  }

  /**
   * Checks and counts; the room comes back with reset() or restore(). Notices a second free of the same block, offsets and
   * sizes outside of what is in use, and more frees than there were blocks; with `exactFrees` (the debug preset) every
   * wrong free, also one in the middle of a block.
   *
   * @throws ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_INVALID_ARGUMENT for a wrong size,
   *   ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED
   */
  override deallocate(offset: number, byteLength: number): void {
    const used = this.usedBytes;
    if (
      this.closed ||
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(byteLength) ||
      offset < 0 ||
      byteLength < 1 ||
      offset >= used ||
      byteLength > used - offset
    ) {
      throw this.badFree(offset, byteLength);
    }
    if (this.ledger !== null) this.checkExactly(this.ledger, offset, byteLength);
    if (this.freed?.has(offset)) throw this.doubleFree('deallocate', offset);
    if (offset >= this.segments.newestStart) {
      if (this.handed - this.segmentBase - this.segmentFreed === 0) throw this.doubleFree('deallocate', offset);
      this.fillFreed('deallocate', offset, byteLength);
      this.freed?.set(offset);
      this.segmentFreed += 1;
    } else {
      if (!this.segments.hasLive(offset)) throw this.doubleFree('deallocate', offset);
      this.fillFreed('deallocate', offset, byteLength);
      this.freed?.set(offset);
      this.segments.freeBelow(offset);
    }
    this.deallocations += this.step;
    this.ledger?.markFreed(offset);
  }

  // ---- checkpoints ---------------------------------------------------------------------------------------------

  /**
   * The present position. Stays good until restore() goes below it, or reset(); may be restored to more than once.
   *
   * @throws ERR_MEMORY_CLOSED
   */
  checkpoint(): BumpCheckpoint {
    if (this.closed) throw this.closedError('checkpoint');
    const { segments } = this;
    const used = this.usedBytes;
    // Nothing was allocated since the newest one: both are the same place.
    if (segments.depth === 0 || segments.newestStart !== used) {
      segments.push(used, this.handed - this.segmentBase - this.segmentFreed);
      this.segmentBase = this.handed;
      this.segmentFreed = 0;
    }
    const at = segments.depth - 1;
    return new BumpCheckpoint(this, used, this.generations, at, segments.serialAt(at));
  }

  /**
   * Gives back what was allocated since. Later checkpoints become stale, this one does not.
   *
   * @throws ERR_MEMORY_STALE_HANDLE after reset() or after a restore to before it, ERR_MEMORY_INVALID_ARGUMENT for what is
   *   no checkpoint of this allocator, ERR_MEMORY_CLOSED
   */
  restore(checkpoint: BumpCheckpoint): void {
    this.needOwn('restore', 'checkpoint', BumpCheckpoint, checkpoint);
    if (!this.restoreIfValid(checkpoint)) throw this.staleCheckpoint(checkpoint);
  }

  /** As restore(), but false for a stale checkpoint, and for any after disposal. For scopes. */
  restoreIfValid(checkpoint: BumpCheckpoint): boolean {
    if (this.closed || !(checkpoint instanceof BumpCheckpoint) || checkpoint.owner !== this) return false;
    const { segments } = this;
    const at = checkpoint.depth;
    if (checkpoint.generation !== this.generations || at >= segments.depth) return false;
    if (segments.serialAt(at) !== checkpoint.serial) return false;
    const start = segments.startAt(at);
    this.fillBack('restore', start);
    segments.keep(at);
    this.rewind(start);
    return true;
  }

  /**
   * Without a function: an object for `using` that gives back at the end of the block what was allocated in it. With one:
   * runs it and gives back what it allocated, also when it throws.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT when the function returns a promise: its work would outlive the memory
   */
  scope(): BumpScope;
  scope<T>(work: (allocator: this) => T): T;
  scope<T>(work?: (allocator: this) => T): T | BumpScope {
    const scope = new BumpScope(this, this.checkpoint());
    if (work === undefined) return scope;
    const hint = 'Write `using scope = bump.scope()` in the async function itself.';
    return runWithin(this.where('scope'), work, this, () => scope.dispose(), hint);
  }

  // ---- what it is ----------------------------------------------------------------------------------------------

  /** @internal */
  override recipe(): Recipe {
    return { ...super.recipe(), leastBytes: this.leastBytes };
  }

  override stats(): AllocatorStats {
    this.allocations = this.step === 1 ? this.handed : 0;
    return super.stats();
  }

  protected override get liveAllocations(): number {
    return this.segments.liveBelow + this.handed - this.segmentBase - this.segmentFreed;
  }

  protected override dropAll(): void {
    this.segments.clear();
    this.rewind(0);
  }

  // ---- slow paths ----------------------------------------------------------------------------------------------

  private slowly(method: 'allocate' | 'tryAllocate', byteLength: number, alignment: number): number {
    const start = this.find(method, byteLength, alignment);
    if (start === -1) return -1;
    try {
      this.ledger?.add(start, byteLength);
    } catch (error) {
      return this.noBooks(method, error);
    }
    // The last block may be smaller than `leastBytes`.
    this.moveTo(start + Math.max(byteLength, Math.min(this.leastBytes, this.backing.byteLength - start)));
    this.handed += 1;
    return start;
  }

  // Everything from `start` on is gone; the newest segment begins there and is empty.
  private rewind(start: number): void {
    this.ledger?.truncate(start);
    this.freed?.truncate(start);
    this.segmentBase = this.handed;
    this.segmentFreed = 0;
    this.moveDown(start);
  }

  // A single free fills only where the block is known exactly: otherwise a mistake would overwrite a neighbor.
  private fillFreed(method: string, offset: number, byteLength: number): void {
    if (this.ledger === null || this.freeFill === -1) return;
    fillRange(this.where(method), this.backing.region, offset, byteLength, this.freeFill);
  }

  private checkExactly(ledger: BlockLedger, offset: number, byteLength: number): void {
    const size = ledger.sizeAt(offset);
    if (size === 0) throw this.foreign('deallocate', offset, 'is not the begin of a block');
    if (size < 0) throw this.doubleFree('deallocate', offset);
    if (size !== byteLength) throw this.wrongSize('deallocate', offset, byteLength, `${size}`);
  }

  private badFree(offset: number, byteLength: number): MemoryError {
    this.checkSpan('deallocate', offset, byteLength);
    const used = this.usedBytes;
    if (offset >= used) {
      return this.foreign('deallocate', offset, `is not in use: the ${used} bytes below ${used} are`);
    }
    return this.wrongSize('deallocate', offset, byteLength, `at most ${used - offset}`);
  }

  private staleCheckpoint(checkpoint: BumpCheckpoint): MemoryError {
    const { generation, offset } = checkpoint;
    const why =
      generation === this.generations ? 'a restore went below it since' : 'the allocator was reset after it was taken';
    return memoryError(
      'ERR_MEMORY_STALE_HANDLE',
      `BumpAllocator.restore: the checkpoint at ${offset} of generation ${generation} is stale: ${why}`,
      { source: this.name, hint: 'Take a new checkpoint after reset() and after restoring an earlier one.' },
    );
  }
}
