import { AllocatorBase, FAST_LIMIT } from '../../allocators';
import { memoryError } from '../../core';
import { isSmallInteger } from '../checks';
import { BlockLog } from './block-log';
import type { Chunk } from './chunk';
import { ChunkStore } from './chunk-store';
import { CutHistory } from './cuts';
import { MarkStack } from './marks';
import type { ArenaPlan } from './options';

/**
 * Chunks, the log of blocks, and the hot paths. The space of offsets is dense: the chunks in use one after the other.
 * The log (8 bytes a block, in the JavaScript heap and never among the users' bytes) makes frees exact.
 */
export abstract class ArenaCore extends AllocatorBase {
  protected readonly plan: ArenaPlan;
  private readonly defaultAlignment: number;
  protected readonly store: ChunkStore;
  /** All chunks: those in use, then those kept for later. */
  protected readonly order: Chunk[] = [];
  /** Index of the chunk that blocks are taken from; -1 before the first. */
  protected at = -1;

  // The current chunk, unfolded for the hot paths.
  protected base = 0;
  protected position = 0;
  /** Where the fast path ends: -1 sends every call to the slow one. */
  protected room = -1;
  private buffer: ArrayBuffer | SharedArrayBuffer | null = null;

  protected readonly log = new BlockLog();

  private peakBytes = 0;
  protected resetCount = 0;
  /** A provider or a budget is being called: it may not call back. */
  private busy = false;
  protected readonly marks = new MarkStack();
  protected readonly cuts = new CutHistory();

  protected constructor(plan: ArenaPlan) {
    super(plan.name, plan.stats);
    this.plan = plan;
    this.defaultAlignment = plan.alignment;
    this.store = new ChunkStore(plan);
  }

  // ---- sizes ---------------------------------------------------------------------------------------------------

  /** @internal Counts the times that memory moved from under blocks that stay: whoever keeps a window looks again. */
  moves = 0;
  /** Bytes from the begin of each chunk in use to its last block's end. */
  get usedBytes(): number {
    const chunk = this.order[this.at];
    return chunk === undefined ? 0 : chunk.usedBefore + this.position;
  }

  /** The limit, or null without one. */
  get capacityBytes(): number | null {
    return this.plan.limitBytes;
  }

  /** Counts the resets: what was handed out in another generation is gone. */
  get generation(): number {
    return this.resetCount;
  }

  protected get peakUsedBytes(): number {
    return Math.max(this.peakBytes, this.usedBytes);
  }

  protected get liveAllocations(): number {
    return this.log.count - this.log.freed;
  }

  protected get reservedBytes(): number {
    return this.store.reservedBytes;
  }

  // ---- hot paths -----------------------------------------------------------------------------------------------

  /**
   * Takes a block; its bytes are what was there before unless the arena has `zero`.
   *
   * @param alignment default: the arena's
   * @returns an offset in the arena's space, good until reset() or a rewind() below it
   * @throws ERR_MEMORY_ARENA_EXHAUSTED at `limitBytes`, ERR_MEMORY_TOO_LARGE beyond it, the budget's or the provider's
   *   error where they refuse, ERR_MEMORY_OUT_OF_RANGE, _INVALID_ARGUMENT, _INVALID_ALIGNMENT, _CLOSED, and
   *   _INVALID_STATE when called from inside a provider or a budget
   */
  allocate(byteLength: number, alignment: number = this.defaultAlignment): number {
    // What is no 32-bit integer goes the slow way and meets the checks there.
    if (
      isSmallInteger(byteLength) &&
      isSmallInteger(alignment) &&
      alignment <= 4096 &&
      (alignment & (alignment - 1)) === 0
    ) {
      const mask = alignment - 1;
      const start = (this.position + mask) & ~mask;
      const { log } = this;
      const { starts, count: entry } = log;
      if (byteLength <= this.room - start && entry < starts.length) {
        starts[entry] = start;
        log.sizes[entry] = byteLength;
        log.count = entry + 1;
        this.position = start + byteLength;
        this.allocations += this.step;
        return this.base + start;
      }
    }
    const offset = this.allocateSlowly('allocate', byteLength, alignment);
    if (offset === -1) throw this.refused(byteLength);
    return offset;
  }

  /** As allocate(), with -1 where there is no room. */
  tryAllocate(byteLength: number, alignment: number = this.defaultAlignment): number {
    if (
      isSmallInteger(byteLength) &&
      isSmallInteger(alignment) &&
      alignment <= 4096 &&
      (alignment & (alignment - 1)) === 0
    ) {
      const mask = alignment - 1;
      const start = (this.position + mask) & ~mask;
      const { log } = this;
      const { starts, count: entry } = log;
      if (byteLength <= this.room - start && entry < starts.length) {
        starts[entry] = start;
        log.sizes[entry] = byteLength;
        log.count = entry + 1;
        this.position = start + byteLength;
        this.allocations += this.step;
        return this.base + start;
      }
    }
    return this.allocateSlowly('tryAllocate', byteLength, alignment);
  }

  /**
   * A window over memory that is handed out, from one chunk: it may span neighboring blocks of it.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for what is not handed out, ERR_MEMORY_CLOSED
   */
  view(offset: number, byteLength: number): Uint8Array {
    const start = typeof offset === 'number' ? offset - this.base : -1;
    const { buffer } = this;
    if (
      (start | 0) === start &&
      start >= 0 &&
      isSmallInteger(byteLength) &&
      byteLength <= this.position - start &&
      buffer !== null &&
      buffer.byteLength !== 0
    ) {
      return new Uint8Array(buffer, start, byteLength);
    }
    this.checkSpan('view', offset, byteLength);
    const chunk = this.chunkOf(offset);
    if (chunk === undefined || byteLength > this.endOf(chunk) - (offset - chunk.base)) {
      throw memoryError(
        'ERR_MEMORY_OUT_OF_RANGE',
        `${this.where('view')}: ${byteLength} bytes from ${offset} are not handed out by ${this.name}`,
        { source: this.name, hint: 'A reset() or rewind() takes back what was handed out before.' },
      );
    }
    return chunk.window(this.where('view'), offset - chunk.base, byteLength);
  }

  /**
   * Takes everything back at once, whatever it was, and keeps all chunks for use. Marks, references and collections of
   * the former generation are stale; for raw views see `onReset`.
   *
   * @throws ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_STATE from inside a provider or budget, and with `onReset: 'detach'`
   *   ERR_MEMORY_IN_USE while a chunk is pinned: nothing was reset then
   */
  reset(): void {
    this.needIdle('reset');
    if (this.plan.onReset === 'detach') this.moveChunksAway();
    this.leaveChunk();
    this.resetCount += 1;
    this.resets += this.step;
    this.log.clear();
    this.marks.clear();
    this.cuts.clear();
    if (this.at > 0 || this.position > 0) this.enterChunk(0);
  }

  // ---- frees ---------------------------------------------------------------------------------------------------

  /**
   * Gives a block back. Its room returns when every block after it is free too, at a rewind or at reset().
   *
   * @throws ERR_MEMORY_FOREIGN_FREE for what is no block (any more), ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_INVALID_ARGUMENT
   *   for another size than was asked for
   */
  deallocate(offset: number, byteLength: number): void {
    this.checkSpan('deallocate', offset, byteLength);
    this.needIdle('deallocate');
    const entry = this.blockAt(offset, true);
    if (entry === -1) {
      if (this.log.wasFreed(offset - this.base)) throw this.doubleFree('deallocate', offset);
      throw this.foreign('deallocate', offset, 'is no block that is handed out; blocks of before a reset() are gone');
    }
    if (this.log.isFreed(entry)) throw this.doubleFree('deallocate', offset);
    const size = this.sizeOf(entry);
    if (size !== byteLength) throw this.wrongSize('deallocate', offset, byteLength, `${size}`);
    this.log.free(entry);
    this.deallocations += this.step;
    this.cuts.count += 1; // references look closer
    if (entry !== this.log.count - 1) return;
    this.cutTo(entry);
    this.marks.clamp(this.log.count);
  }

  /** True for any byte of a block that is handed out. */
  owns(offset: number): boolean {
    if (this.closed || !Number.isSafeInteger(offset) || offset < 0) return false;
    const entry = this.blockAt(offset, false);
    return entry !== -1 && !this.log.isFreed(entry);
  }

  // ---- end of life ---------------------------------------------------------------------------------------------

  /**
   * Gives every chunk back: views of local memory have length 0 afterwards, views of shared memory read zeros. The arena
   * is closed at once; a second call gives back what was pinned at the first.
   *
   * @throws ERR_MEMORY_IN_USE while memory is pinned, ERR_MEMORY_INVALID_STATE from inside a provider or budget
   */
  override [Symbol.dispose](): void {
    if (this.busy) throw this.reentrant('dispose');
    if (!this.closed) {
      this.peakBytes = this.peakUsedBytes;
      this.closed = true;
      this.leaveAll();
      this.log.clear();
      this.marks.clear();
      this.cuts.clear();
    }
    this.letGo();
  }

  protected letGo(): void {
    this.calling(() => this.store.releaseAll(this.order));
  }

  // ---- for the classes around: internal ------------------------------------------------------------------------

  /** @internal The chunk in use that holds an offset. */
  chunkOf(offset: number): Chunk | undefined {
    const index = this.indexOf(offset);
    return index === -1 ? undefined : this.order[index];
  }

  /** @internal How many blocks the log holds: entries below are older. */
  get level(): number {
    return this.log.count;
  }

  /** @internal The log entry of the block that begins (`exact`) at an offset or that holds it; -1 for none. */
  blockAt(offset: number, exact: boolean): number {
    const index = this.indexOf(offset);
    if (index === -1) return -1;
    const chunk = this.order[index] as Chunk;
    const start = offset - chunk.base;
    const found = this.log.search(chunk.firstEntry, this.lastEntryOf(index), start);
    if (found === -1) return -1;
    const begin = this.log.startOf(found);
    if (exact) return begin === start ? found : -1;
    return start < begin + this.sizeOf(found) ? found : -1;
  }

  // ---- below ---------------------------------------------------------------------------------------------------

  /** Drops the blocks from `level` on. Freed ones below go along. */
  protected cutTo(level: number): void {
    this.leaveChunk();
    const left = this.log.cut(level);
    let index = this.at;
    while (index > 0 && (this.order[index] as Chunk).firstEntry >= left) index -= 1;
    this.reopenChunk(index);
    this.cuts.add(left);
  }

  /** @internal Takes the newest block back as if it had never been asked for. */
  undo(): void {
    const { peakBytes } = this;
    this.cutTo(this.log.count - 1);
    this.peakBytes = Math.max(peakBytes, this.usedBytes);
    this.marks.clamp(this.log.count);
    this.allocations -= this.step;
  }

  protected needIdle(method: string): void {
    if (this.closed) throw this.closedError(method);
    if (this.busy) throw this.reentrant(method);
  }

  private reentrant(method: string): Error {
    return memoryError(
      'ERR_MEMORY_INVALID_STATE',
      `${this.where(method)} was called by the arena's own provider or budget while it served the arena`,
      { source: this.name, hint: 'Let the callback return first.' },
    );
  }

  /** The error of allocate() where tryAllocate() gives -1. */
  protected abstract refused(byteLength: number): Error;

  private allocateSlowly(method: string, byteLength: number, alignment: number): number {
    this.checkRequest(method, byteLength, alignment);
    if (this.busy) throw this.reentrant(method);
    this.log.reserve();
    const chunk = this.order[this.at];
    let start = -1;
    if (chunk !== undefined && byteLength <= FAST_LIMIT && chunk.hugeBytes === 0) {
      start = Math.ceil(this.position / alignment) * alignment;
      if (byteLength > Math.min(chunk.byteLength, FAST_LIMIT) - start) start = -1;
    }
    if (start === -1) {
      if (!this.advance(byteLength)) {
        this.failures += this.step;
        return -1;
      }
      start = 0;
    }
    const current = this.order[this.at] as Chunk;
    if (byteLength > FAST_LIMIT) current.hugeBytes = byteLength;
    if (this.plan.zero) this.zero(current, start, byteLength);
    const { log } = this;
    log.starts[log.count] = start;
    log.sizes[log.count] = byteLength > FAST_LIMIT ? 0 : byteLength;
    log.count += 1;
    this.position = start + byteLength;
    this.allocations += this.step;
    return this.base + start;
  }

  /** Makes a chunk current that has room for a block at its begin. False where none is to be had. */
  private advance(byteLength: number): boolean {
    const { order } = this;
    if (order[this.at]?.firstEntry === this.log.count) this.stepBack(); // an empty one that is too small stays for later
    const next = this.at + 1;
    let found = next;
    while (found < order.length && (order[found] as Chunk).byteLength < byteLength) found += 1;
    if (found === order.length) {
      let chunk = this.calling(() => this.store.acquire(byteLength));
      if (chunk === null && order.length > next) {
        this.releaseFrom(next); // what is kept for later is too small and in the way of the limit
        found = next;
        chunk = this.calling(() => this.store.acquire(byteLength));
      }
      if (chunk === null) return false;
      order.push(chunk);
    }
    const chosen = order[found] as Chunk;
    order[found] = order[next] as Chunk;
    order[next] = chosen;
    this.leaveChunk();
    this.enterChunk(next);
    return true;
  }

  private stepBack(): void {
    this.leaveChunk();
    if (this.at > 0) this.reopenChunk(this.at - 1);
    else this.leaveAll();
  }

  protected releaseFrom(index: number): void {
    while (this.order.length > index) {
      const last = this.order[this.order.length - 1] as Chunk;
      this.calling(() => this.store.release(last));
      this.order.pop();
    }
  }

  /** Runs what calls a provider or a budget; the arena refuses every call meanwhile. */
  protected calling<T>(work: () => T): T {
    const { room } = this;
    this.busy = true;
    this.room = -1;
    try {
      return work();
    } finally {
      this.busy = false;
      this.room = room;
    }
  }

  protected leaveChunk(): void {
    const chunk = this.order[this.at];
    if (chunk === undefined) return;
    chunk.usedBytes = this.position;
    const used = chunk.usedBefore + this.position;
    if (used > this.peakBytes) this.peakBytes = used;
    if (this.position > chunk.dirtyBytes) chunk.dirtyBytes = this.position;
  }

  protected noteDirty(end: number): void {
    const chunk = this.order[this.at];
    if (chunk !== undefined && end > chunk.dirtyBytes) chunk.dirtyBytes = end;
  }

  /** Makes a chunk current, empty, at the end of the space in use. */
  private enterChunk(index: number): void {
    const chunk = this.order[index] as Chunk;
    const before = index === 0 ? undefined : this.order[index - 1];
    chunk.base = before === undefined ? 0 : before.base + Math.ceil(before.byteLength / 4096) * 4096;
    chunk.usedBefore = before === undefined ? 0 : before.usedBefore + before.usedBytes;
    chunk.firstEntry = this.log.count;
    chunk.usedBytes = 0;
    chunk.hugeBytes = 0;
    this.unfold(index, chunk);
  }

  /** Makes a chunk current that has blocks up to the log's end. */
  private reopenChunk(index: number): void {
    const chunk = this.order[index];
    if (chunk === undefined) return;
    const last = this.log.count - 1;
    const size = this.log.sizes[last] || chunk.hugeBytes;
    chunk.usedBytes = last >= chunk.firstEntry ? this.log.startOf(last) + size : 0;
    if (chunk.usedBytes === 0) chunk.hugeBytes = 0;
    this.unfold(index, chunk);
  }

  protected unfold(index: number, chunk: Chunk): void {
    this.at = index;
    this.base = chunk.base;
    this.position = chunk.usedBytes;
    this.look(chunk);
    this.room = this.plan.zero || chunk.hugeBytes !== 0 ? -1 : Math.min(chunk.byteLength, FAST_LIMIT);
  }

  protected leaveAll(): void {
    this.leaveChunk();
    this.at = -1;
    this.base = 0;
    this.position = 0;
    this.room = -1;
    this.buffer = null;
  }

  private look(chunk: Chunk | undefined = this.order[this.at]): void {
    this.buffer = chunk?.buffer ?? null;
    if (chunk !== undefined) chunk.viewed = true; // the hot view() marks nothing
  }

  protected moveChunksAway(): void {
    try {
      for (const chunk of this.order) chunk.moveAway();
    } catch (error) {
      this.moves += 1; // some have moved, and the blocks in them live on
      this.cuts.count += 1; // references look closer
      throw error;
    } finally {
      this.look(); // also when a later chunk could not be moved
    }
  }

  private zero(chunk: Chunk, start: number, byteLength: number): void {
    const dirty = Math.min(byteLength, chunk.dirtyBytes - start);
    if (dirty > 0) chunk.window(this.where('allocate'), start, dirty).fill(0);
  }

  /** The index of the chunk in use that holds an offset; -1 for none. */
  private indexOf(offset: number): number {
    const { order } = this;
    let low = 0;
    let high = this.at;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((order[middle] as Chunk).base <= offset) low = middle;
      else high = middle - 1;
    }
    const chunk = high < 0 ? undefined : (order[low] as Chunk);
    return chunk !== undefined && offset - chunk.base < this.endOf(chunk) ? low : -1;
  }

  protected sizeOf(entry: number): number {
    const size = this.log.sizes[entry] as number;
    if (size !== 0) return size;
    return this.order.find((chunk, index) => index <= this.at && chunk.firstEntry === entry)?.hugeBytes ?? 0;
  }

  protected lastEntryOf(index: number): number {
    return (index === this.at ? this.log.count : (this.order[index + 1] as Chunk).firstEntry) - 1;
  }

  private endOf(chunk: Chunk): number {
    return chunk === this.order[this.at] ? this.position : chunk.usedBytes;
  }
}
