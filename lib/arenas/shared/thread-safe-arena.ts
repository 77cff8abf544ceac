import { AllocatorBase, checkBlockAlignment } from '../../allocators';
import {
  type AllocatorStats,
  type BudgetLike,
  type ByteSize,
  checkBudget,
  checkInteger,
  checkOptions,
  checkString,
  memoryError,
  notForUsers,
  parseBytes,
  Repayment,
} from '../../core';
import { Region } from '../../platform';
import { isSmallInteger } from '../checks';
import {
  Books,
  booksBytes,
  checkArenaHandle,
  HEAD,
  LAYOUT_VERSION,
  MAX_SEGMENTS,
  ROW,
  type SharedShape,
  type ThreadSafeArenaHandle,
} from './control';

/** Options of {@link ThreadSafeArena}. Sizes are bytes or strings such as '64KiB'. */
export interface ThreadSafeArenaOptions {
  /** What a thread takes at once and then carves up alone: a multiple of 4 KiB up to 64 MiB. Default 64 KiB. */
  readonly segmentBytes?: ByteSize;
  /** Blocks in the log of a segment. Default: one for each 32 bytes. A segment whose log is full is closed. */
  readonly segmentBlocks?: number;
  /** Alignment of blocks where `allocate` names none. Default 8. */
  readonly alignment?: number;
  /** Charged for both regions by who created the arena, until its dispose(). */
  readonly budget?: BudgetLike;
  /** For statistics and errors. Default 'thread-safe-arena'. */
  readonly name?: string;
}

const LARGEST_BLOCK = 2 ** 31 - 1;

interface Parts {
  readonly name: string;
  readonly data: Region;
  readonly books: Region;
  readonly shape: SharedShape | undefined;
  /** What the regions are charged to, and with how much. */
  readonly repayment: Repayment;
  readonly chargedBytes: number;
}

function checkParts(parts: Parts | undefined): Parts {
  if (parts?.data instanceof Region && parts.books instanceof Region) return parts;
  throw notForUsers('ThreadSafeArena', 'ThreadSafeArena.create() or ThreadSafeArena.attach()');
}

/**
 * An arena that many threads and processes allocate from at once. Each takes a segment with one atomic step and carves it
 * up alone, so that allocating costs no atomic operation; blocks larger than a segment take several side by side. Offsets
 * are the same everywhere, and any thread may read, write and free any block.
 *
 * One object per thread: create() in one, attach(handle) in the others. The bookkeeping lies in a region of its own. A
 * thread that dies leaves its segment's rest unused until reset(), and nothing else.
 *
 * reset() begins a new generation for all. A thread that has learned of it, by a message or through Atomics, allocates in
 * the new generation. One that is inside allocate() at that very moment may still get a block of the old one, which the
 * next owner of its segment gets too: reset when the others are not allocating.
 */
export class ThreadSafeArena extends AllocatorBase {
  private readonly data: Region;
  private readonly booksRegion: Region;
  private readonly books: Books;
  private readonly words: Int32Array;
  private readonly numbers: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly defaultAlignment: number;
  private readonly entries: number;
  private readonly repayment: Repayment;
  private readonly chargedBytes: number;
  private readonly row: number;
  private readonly rowNumbers: number;
  private peak = 0;

  // The segment that this thread carves up.
  private generation = 0;
  private segment = -1;
  private base = 0;
  private position = 0;
  private room = -1;
  private count = 0;
  private logWord = 0;

  /** Not for users: call `ThreadSafeArena.create` or `attach`. @throws ERR_MEMORY_INVALID_STATE */
  private constructor(parts: Parts) {
    super(checkParts(parts).name, true);
    this.data = parts.data;
    this.booksRegion = parts.books;
    this.repayment = parts.repayment;
    this.chargedBytes = parts.chargedBytes;
    const booksView = parts.books.bytes;
    this.books =
      parts.shape === undefined
        ? Books.open('ThreadSafeArena.attach', booksView, parts.data.byteLength)
        : Books.create(booksView, parts.shape);
    this.words = this.books.words;
    this.numbers = this.books.numbers;
    this.bytes = parts.data.bytes;
    this.defaultAlignment = this.books.shape.alignment;
    this.entries = this.books.shape.entries;
    this.row = this.books.takeRow();
    if (this.row === -1) {
      throw memoryError('ERR_MEMORY_POOL_EXHAUSTED', 'ThreadSafeArena.attach: 64 threads are attached already', {
        source: parts.name,
        hint: 'Dispose the arena in threads that no longer use it.',
      });
    }
    this.rowNumbers = this.books.row(this.row) >> 1;
    this.generation = this.books.generation();
    this.enterGeneration();
  }

  /**
   * Makes an arena of a fixed size on memory that other threads and processes can attach to. Two descriptors.
   *
   * @param byteLength rounded up to whole segments
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, _INVALID_ALIGNMENT, and as Region.shared
   */
  static create(byteLength: ByteSize, options?: ThreadSafeArenaOptions): ThreadSafeArena {
    const where = 'ThreadSafeArena.create';
    const given = checkOptions(where, options, ['segmentBytes', 'segmentBlocks', 'alignment', 'budget', 'name']);
    const bytes = parseBytes(byteLength, `${where}: byteLength`, { minBytes: 1 });
    const segmentBytes = parseBytes(given.segmentBytes ?? 65_536, `${where}: segmentBytes`, {
      minBytes: 4096,
      maxBytes: 2 ** 26,
    });
    if (segmentBytes % 4096 !== 0) {
      throw memoryError('ERR_MEMORY_INVALID_ALIGNMENT', `${where}: segmentBytes must be a multiple of 4096`);
    }
    const segments = checkInteger(`${where}: segments`, Math.ceil(bytes / segmentBytes), 1, MAX_SEGMENTS);
    const shape = {
      segmentBytes,
      segments,
      entries: checkInteger(`${where}: segmentBlocks`, given.segmentBlocks ?? segmentBytes / 32, 1, segmentBytes),
      alignment: given.alignment === undefined ? 8 : checkBlockAlignment(where, given.alignment),
    };
    const name = given.name === undefined ? 'thread-safe-arena' : checkString(`${where}: name`, given.name, 200);
    const repayment = new Repayment(given.budget === undefined ? undefined : checkBudget(where, given.budget));
    const chargedBytes = segmentBytes * segments + booksBytes(shape);
    repayment.take(where, chargedBytes);
    const opened: Region[] = [];
    try {
      opened.push(Region.shared(segmentBytes * segments));
      opened.push(Region.shared(booksBytes(shape)));
      const [data, books] = opened as [Region, Region];
      return new ThreadSafeArena({ name, data, books, shape, repayment, chargedBytes });
    } catch (error) {
      for (const region of opened) region.free();
      repayment.give(chargedBytes);
      throw error;
    }
  }

  /**
   * Another thread's or process's arena, by its handle.
   *
   * @throws ERR_MEMORY_STALE_HANDLE for one that is gone, ERR_MEMORY_CLOSED for one that was closed, ERR_MEMORY_CORRUPTION,
   *   ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_POOL_EXHAUSTED with more than 64 attachments
   */
  static attach(handle: ThreadSafeArenaHandle): ThreadSafeArena {
    const where = 'ThreadSafeArena.attach';
    const given = checkArenaHandle(where, handle);
    const opened: Region[] = [];
    try {
      opened.push(Region.attach(given.data));
      opened.push(Region.attach(given.books));
      const [data, books] = opened as [Region, Region];
      const arena = new ThreadSafeArena({
        name: checkString(`${where}: handle.name`, given.name, 200),
        data,
        books,
        shape: undefined,
        repayment: new Repayment(undefined),
        chargedBytes: 0,
      });
      if (Atomics.load(arena.words, HEAD.closed) === 0) return arena;
      arena.letGo();
      opened.length = 0;
      throw arena.closedError('attach');
    } catch (error) {
      for (const region of opened) region.free();
      throw error;
    }
  }

  /** Plain data for postMessage, workerData or IPC. @throws ERR_MEMORY_CLOSED */
  get handle(): ThreadSafeArenaHandle {
    if (this.closed) throw this.closedError('handle');
    return Object.freeze({
      type: 'nebula-memory.thread-safe-arena',
      version: LAYOUT_VERSION,
      name: this.name,
      data: this.data.handle,
      books: this.booksRegion.handle,
    });
  }

  // ---- sizes: sums over all threads, each as it was a moment ago -------------------------------------------------

  /** Bytes of all segments: fixed. */
  get capacityBytes(): number {
    return this.books.shape.segmentBytes * this.books.shape.segments;
  }

  /** Bytes handed out in this generation, with alignment; frees do not lower it. */
  get usedBytes(): number {
    return this.closed ? 0 : this.books.sum(ROW.usedBytes, this.books.generation());
  }

  protected get peakUsedBytes(): number {
    this.peak = Math.max(this.peak, this.usedBytes);
    return this.peak;
  }

  protected get liveAllocations(): number {
    return this.closed ? 0 : this.books.sum(ROW.live, this.books.generation());
  }

  protected get reservedBytes(): number {
    return this.closed ? 0 : this.capacityBytes;
  }

  /** Counters of all threads and processes together. `peakUsedBytes` is what this thread saw. */
  override stats(): AllocatorStats {
    if (!this.closed) {
      this.allocations = this.books.sum(ROW.allocations);
      this.deallocations = this.books.sum(ROW.deallocations);
      this.failures = this.books.sum(ROW.failures);
      this.resets = Atomics.load(this.words, HEAD.resets);
    }
    return super.stats();
  }

  /** Bytes of segments that no thread has taken yet. */
  get untouchedBytes(): number {
    const { segments, segmentBytes } = this.books.shape;
    return this.closed ? 0 : (segments - this.books.taken()) * segmentBytes;
  }

  // ---- allocation ----------------------------------------------------------------------------------------------

  /**
   * Takes a block, which holds what was there before. Any thread may free it.
   *
   * @returns an offset, the same in every thread, good until reset()
   * @throws ERR_MEMORY_ARENA_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_CLOSED, and for arguments as Arena.allocate
   */
  allocate(byteLength: number, alignment: number = this.defaultAlignment): number {
    const offset = this.take('allocate', byteLength, alignment);
    if (offset !== -1) return offset;
    throw this.noRoom(byteLength, Math.min(this.capacityBytes, LARGEST_BLOCK), 'ERR_MEMORY_ARENA_EXHAUSTED');
  }

  /** As allocate(), with -1 where there is no room. */
  tryAllocate(byteLength: number, alignment: number = this.defaultAlignment): number {
    return this.take('tryAllocate', byteLength, alignment);
  }

  private take(method: string, byteLength: number, alignment: number): number {
    // A plain read: whoever learned of a reset learned it in a way that makes the new number visible.
    if (
      this.words[HEAD.generation] === this.generation &&
      isSmallInteger(byteLength) &&
      isSmallInteger(alignment) &&
      alignment <= 4096 &&
      (alignment & (alignment - 1)) === 0
    ) {
      const mask = alignment - 1;
      const { position, count } = this;
      const start = (position + mask) & ~mask;
      if (byteLength <= this.room - start && count < this.entries) {
        this.enter(start, byteLength, count, start + byteLength - position);
        return this.base + start;
      }
    }
    return this.takeSlowly(method, byteLength, alignment);
  }

  private enter(start: number, byteLength: number, count: number, usedBytes: number): void {
    const { words, numbers, rowNumbers, logWord } = this;
    words[logWord + 2 * count] = start;
    words[logWord + 2 * count + 1] = byteLength;
    this.count = count + 1;
    words[this.books.counts + this.segment] = count + 1;
    this.position = start + byteLength;
    numbers[rowNumbers + 1] = (numbers[rowNumbers + 1] as number) + 1; // ROW.allocations
    numbers[rowNumbers + 4] = (numbers[rowNumbers + 4] as number) + usedBytes; // ROW.usedBytes
    numbers[rowNumbers + 5] = (numbers[rowNumbers + 5] as number) + 1; // ROW.live
  }

  private takeSlowly(method: string, byteLength: number, alignment: number): number {
    this.checkRequest(method, byteLength, alignment);
    this.needUsable(method);
    const { segmentBytes, segments } = this.books.shape;
    const wanted = Math.ceil(byteLength / segmentBytes);
    if (byteLength > LARGEST_BLOCK || wanted > segments) return this.refuse();
    for (;;) {
      this.enterGeneration();
      const first = this.books.claim(this.generation, wanted);
      if (first === -1) return this.refuse();
      if (first === -2) continue;
      if (wanted > 1) return this.takeMany(first, wanted, byteLength);
      this.segment = first;
      this.base = first * segmentBytes;
      this.logWord = this.books.logs + 2 * first * this.entries;
      this.position = 0;
      this.count = 0;
      this.room = segmentBytes;
      this.enter(0, byteLength, 0, byteLength);
      return this.base;
    }
  }

  /** A block over several segments: the first one's log holds it, the others count back to it. The present one stays. */
  private takeMany(first: number, count: number, byteLength: number): number {
    const { words, numbers, rowNumbers } = this;
    const log = this.books.logs + 2 * first * this.entries;
    words[log] = 0;
    words[log + 1] = byteLength;
    for (let i = 1; i < count; i += 1) words[this.books.counts + first + i] = -i;
    Atomics.store(words, this.books.counts + first, 1);
    numbers[rowNumbers + 1] = (numbers[rowNumbers + 1] as number) + 1;
    numbers[rowNumbers + 4] = (numbers[rowNumbers + 4] as number) + byteLength;
    numbers[rowNumbers + 5] = (numbers[rowNumbers + 5] as number) + 1;
    return first * this.books.shape.segmentBytes;
  }

  private refuse(): number {
    const at = this.rowNumbers + (ROW.failures >> 1);
    this.numbers[at] = (this.numbers[at] as number) + 1;
    return -1;
  }

  /** Leaves what belongs to a generation that is over. */
  private enterGeneration(): void {
    const generation = this.books.generation();
    const row = this.books.row(this.row);
    if (generation === this.generation && this.words[row + ROW.generation] === generation && this.room !== -1) return;
    if (this.words[row + ROW.generation] !== generation || generation !== this.generation) {
      this.books.writeNumber(row + ROW.usedBytes, 0);
      this.books.writeNumber(row + ROW.live, 0);
      this.words[row + ROW.generation] = generation;
    }
    if (generation === this.generation && this.segment !== -1) return;
    this.generation = generation;
    this.segment = -1;
    this.room = -1;
  }

  // ---- blocks --------------------------------------------------------------------------------------------------

  /** The word of the log that holds the size of the block at or around an offset; -1 for none. */
  private sizeWord(offset: number, exact: boolean): number {
    const { words, books } = this;
    const { segmentBytes } = books.shape;
    let segment = Math.floor(offset / segmentBytes);
    if (segment >= books.taken()) return -1;
    let count = Atomics.load(words, books.counts + segment);
    if (count < 0) {
      segment += count;
      count = Atomics.load(words, books.counts + segment);
    }
    if (count <= 0) return -1;
    const start = offset - segment * segmentBytes;
    const log = books.logs + 2 * segment * this.entries;
    let low = 0;
    let high = Math.min(count, this.entries) - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((words[log + 2 * middle] as number) <= start) low = middle;
      else high = middle - 1;
    }
    const begin = words[log + 2 * low] as number;
    const word = log + 2 * low + 1;
    if (exact ? begin !== start : begin > start) return -1;
    return start < begin + Math.abs(words[word] as number) ? word : -1;
  }

  /** Marks a block free, of whichever thread. Its room returns at reset(). @throws as Arena.deallocate */
  deallocate(offset: number, byteLength: number): void {
    this.checkSpan('deallocate', offset, byteLength);
    this.needUsable('deallocate');
    const word = this.sizeWord(offset, true);
    if (word === -1) throw this.foreign('deallocate', offset, 'is no block of this generation');
    const size = Atomics.load(this.words, word);
    if (size < 0) throw this.doubleFree('deallocate', offset);
    if (size !== byteLength) throw this.wrongSize('deallocate', offset, byteLength, `${size}`);
    if (Atomics.compareExchange(this.words, word, size, -size) !== size) throw this.doubleFree('deallocate', offset);
    this.enterGeneration();
    const { numbers, rowNumbers } = this;
    numbers[rowNumbers + 2] = (numbers[rowNumbers + 2] as number) + 1; // ROW.deallocations
    numbers[rowNumbers + 5] = (numbers[rowNumbers + 5] as number) - 1; // ROW.live
  }

  /** A window over one block, or over neighbors in one segment. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED */
  view(offset: number, byteLength: number): Uint8Array {
    const start = typeof offset === 'number' ? offset - this.base : -1;
    if (
      (start | 0) === start &&
      start >= 0 &&
      isSmallInteger(byteLength) &&
      byteLength <= this.position - start &&
      this.room !== -1 &&
      this.words[HEAD.generation] === this.generation
    ) {
      return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + offset, byteLength);
    }
    this.checkSpan('view', offset, byteLength);
    this.needUsable('view');
    const last = offset + byteLength - 1;
    const begin = this.sizeWord(offset, false);
    const end = Number.isSafeInteger(last) ? this.sizeWord(last, false) : -1;
    const { segmentBytes } = this.books.shape;
    const together = begin === end || Math.floor(offset / segmentBytes) === Math.floor(last / segmentBytes);
    if (begin === -1 || end === -1 || !together) {
      throw memoryError(
        'ERR_MEMORY_OUT_OF_RANGE',
        `${this.where('view')}: ${byteLength} bytes from ${offset} are not handed out by ${this.name}`,
        { source: this.name, hint: 'A reset() takes back what was handed out before.' },
      );
    }
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + offset, byteLength);
  }

  /** True for any byte of a block that is handed out, by whichever thread. */
  owns(offset: number): boolean {
    if (this.closed || !Number.isSafeInteger(offset) || offset < 0 || offset >= this.capacityBytes) return false;
    const word = this.sizeWord(offset, false);
    return word !== -1 && Atomics.load(this.words, word) > 0;
  }

  /** Takes everything back, of all threads. Call it while no other thread allocates. @throws ERR_MEMORY_CLOSED */
  reset(): void {
    this.needUsable('reset');
    this.peak = Math.max(this.peak, this.usedBytes);
    this.books.nextGeneration();
    this.enterGeneration();
  }

  /**
   * Closes the arena for every thread and process: their calls throw ERR_MEMORY_CLOSED, and every view reads zeros, for
   * good, because the memory is given back to the system and to nobody else. Each still disposes its own object.
   */
  close(): void {
    if (this.closed) return;
    Atomics.store(this.words, HEAD.closed, 1);
    this.books.nextGeneration();
    this.data.decommit();
    this.dispose();
  }

  private needUsable(method: string): void {
    if (this.closed || Atomics.load(this.words, HEAD.closed) !== 0) throw this.closedError(method);
  }

  /**
   * Lets go of this thread's share. A budget that refuses its bytes is offered them again by another call.
   *
   * @throws ERR_MEMORY_IN_USE while the memory is pinned: still open then
   */
  override [Symbol.dispose](): void {
    if (this.closed) this.repayment.settle();
    else super[Symbol.dispose]();
  }

  /** Lets go of this thread's share; the memory goes with the last one. Views in this thread live as long as others do. */
  protected letGo(): void {
    this.peak = this.peakUsedBytes;
    this.stats();
    const row = this.books.row(this.row);
    if (this.data.state !== 'freed') this.data.free();
    this.segment = -1;
    this.room = -1;
    Atomics.store(this.words, row + ROW.state, 0);
    this.booksRegion.free();
    this.repayment.give(this.chargedBytes); // the memory has gone, whatever the budget says
  }
}
