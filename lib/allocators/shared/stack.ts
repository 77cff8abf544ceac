import { checkInteger, checkOptions, memoryError } from '../../core';
import { type MemorySource, type Recipe, runWithin, windowOf } from '../base';
import { SharedAllocatorBase } from './base';
import { granuleFor, HEADER, isGranule } from './layout';
import {
  attachMemory,
  createMemory,
  nameOf,
  type SharedAllocatorHandle,
  type SharedAllocatorOptions,
  type SharedMemory,
} from './memory';
import { COUNTERS } from './owner-table';
import { MAX_DEPTH, StackLock } from './stack-lock';

/** A place in the attachment's own order, to go back to. */
export interface SharedMarker {
  readonly type: 'nebula-memory.shared-marker';
  /** The attachment that took it. */
  readonly owner: number;
  /** How many resets there had been. */
  readonly generation: number;
  /** Blocks that this attachment held. */
  readonly depth: number;
  /** The number of the newest of them, 0 without one. */
  readonly newest: number;
}

/** Options of a {@link SharedStackAllocator}. */
export interface SharedStackOptions extends SharedAllocatorOptions {
  /** Blocks that can be handed out at once: 1 to 2097151. Default 16384, 16 bytes of bookkeeping each. */
  readonly maxBlocks?: number;
}

const KEYS = ['name', 'owners', 'pages', 'maxBlocks'] as const;
const LEAST_GRANULE = 16;
const GAP = 32;
const ENTRY_WORDS = 4;
// Words of an entry: end in granules, start in granules, owner (negative once freed), bytes of the last granule unused.
const END = 0;
const START = 1;
const OWNER = 2;
const SLACK = 3;

/**
 * A stack that many threads and processes use at once. Order is kept for each attachment: it frees its own blocks newest
 * first, whatever the others do in between. A freed block below somebody else's comes back when that one goes, padding
 * included. What an attachment holds when it is disposed, or ends, is freed the same way.
 *
 * The stack has one top, so its operations are done one after the other: each takes a word that holds the depth and the
 * owner who changes it, for some tens of nanoseconds. Who ends meanwhile has changed nothing, and is replaced.
 */
export class SharedStackAllocator extends SharedAllocatorBase {
  private readonly shift: number;
  private readonly granuleBytes: number;
  private readonly limit: number;
  private readonly maxBlocks: number;
  private readonly lock: StackLock;
  private readonly entries: number;
  /** Entries of this attachment, oldest first, and the running numbers of its blocks. */
  private mine = new Int32Array(64);
  private numbers = new Float64Array(64);
  private held = 0;
  private lastNumber = 0;
  private generation = 0;

  private constructor(where: string, name: string, memory: SharedMemory) {
    super(name, memory);
    const [granuleBytes = 0, maxBlocks = 0] = memory.layout.parameters;
    this.shift = Math.log2(granuleBytes);
    this.granuleBytes = granuleBytes;
    this.maxBlocks = maxBlocks;
    this.limit = Math.floor(memory.layout.dataBytes / granuleBytes);
    this.lock = new StackLock(memory.words, memory.own, memory.book, memory.table, () => void this.recover());
    this.entries = memory.own + GAP;
    this.enter(where);
    this.generation = Atomics.load(this.words, HEADER.generation);
  }

  /**
   * Makes one, attached to it.
   *
   * @param source bytes for memory of its own (Region.shared), or { region } / { provider, byteLength } with memory that
   *   has a handle
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, what mapping throws, ERR_MEMORY_INVALID_STATE for
   *   memory with carrier `local`
   */
  static create(source: MemorySource, options?: SharedStackOptions): SharedStackAllocator {
    const where = 'SharedStackAllocator.create';
    const given = checkOptions<SharedStackOptions>(where, options, KEYS);
    const name = nameOf(where, given.name, 'shared stack');
    const maxBlocks = checkInteger(`${where}: maxBlocks`, given.maxBlocks ?? 16384, 1, MAX_DEPTH);
    const memory = createMemory(where, 'stack', source, given, (dataBytes) => ({
      ownWords: GAP + maxBlocks * ENTRY_WORDS,
      parameters: [granuleFor(LEAST_GRANULE, dataBytes), maxBlocks],
    }));
    memory.publish();
    return new SharedStackAllocator(where, name, memory);
  }

  /** Attaches from another thread or process. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED */
  static attach(handle: SharedAllocatorHandle): SharedStackAllocator {
    const where = 'SharedStackAllocator.attach';
    const { memory, name } = attachMemory(where, 'stack', handle, ({ parameters, ownWords, dataBytes }) => {
      const [granuleBytes = 0, maxBlocks = 0] = parameters;
      const entries = Number.isInteger(maxBlocks) && maxBlocks >= 1 && maxBlocks <= MAX_DEPTH;
      return entries && GAP + maxBlocks * ENTRY_WORDS <= ownWords && isGranule(granuleBytes, LEAST_GRANULE, dataBytes);
    });
    return new SharedStackAllocator(where, name, memory);
  }

  /** Bytes up to the top, whoever was handed them, with alignment and rounding. */
  get usedBytes(): number {
    return this.closed ? 0 : this.endOf(this.lock.depth) * this.granuleBytes;
  }

  /** @internal */
  override recipe(): Recipe {
    return { ...super.recipe(), maxBlocks: this.maxBlocks };
  }

  protected get peakUsedBytes(): number {
    return this.table.largest(this.doubles, COUNTERS.peak);
  }

  /**
   * The offset of a block on top, a multiple of 16 bytes. Before it refuses it looks for attachments that have ended.
   *
   * @param alignment a power of two to 4096, default 16
   * @throws ERR_MEMORY_ARENA_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED, ERR_MEMORY_TIMEOUT
   */
  allocate(byteLength: number, alignment: number = LEAST_GRANULE): number {
    if (!this.isPlainRequest(byteLength, alignment)) this.checkRequest('allocate', byteLength, alignment);
    let offset = this.push(byteLength, alignment);
    if (offset === -1 && this.lookForRoom(true)) offset = this.push(byteLength, alignment);
    if (offset !== -1) return offset;
    this.count(COUNTERS.failures, 1);
    throw this.noRoom(byteLength, this.limit * this.granuleBytes, 'ERR_MEMORY_ARENA_EXHAUSTED');
  }

  /** As `allocate`, but -1 where that throws ERR_MEMORY_ARENA_EXHAUSTED or ERR_MEMORY_TOO_LARGE. */
  tryAllocate(byteLength: number, alignment: number = LEAST_GRANULE): number {
    if (!this.isPlainRequest(byteLength, alignment)) this.checkRequest('tryAllocate', byteLength, alignment);
    let offset = this.push(byteLength, alignment);
    if (offset !== -1) return offset;
    if (this.lookForRoom(false)) offset = this.push(byteLength, alignment);
    if (offset === -1) this.count(COUNTERS.failures, 1);
    return offset;
  }

  private push(byteLength: number, alignment: number): number {
    const { words, granuleBytes, owner } = this;
    const size = Math.ceil(byteLength / granuleBytes);
    if (size > this.limit) return -1;
    const step = alignment > granuleBytes ? alignment >> this.shift : 1;
    if (this.held === this.mine.length) this.growMine();
    const depth = this.lock.acquire(owner);
    this.followReset();
    const start = (this.endOf(depth) + step - 1) & -step;
    const end = start + size;
    if (end > this.limit || depth >= this.maxBlocks) {
      this.lock.release(depth);
      return -1;
    }
    const at = this.entries + depth * ENTRY_WORDS;
    words[at + END] = end;
    words[at + START] = start;
    words[at + OWNER] = owner;
    words[at + SLACK] = size * granuleBytes - byteLength;
    this.lastNumber += 1;
    this.mine[this.held] = depth;
    this.numbers[this.held] = this.lastNumber;
    this.lock.release(depth + 1);
    this.held += 1;
    const doubles = this.doubles;
    doubles[this.counters] = (doubles[this.counters] ?? 0) + 1;
    const used = end * granuleBytes;
    const peak = this.counters + COUNTERS.peak;
    if (used > (doubles[peak] ?? 0)) doubles[peak] = used;
    return start * granuleBytes;
  }

  /**
   * Frees this attachment's newest block.
   *
   * @throws ERR_MEMORY_LIFO_VIOLATION for an older one, ERR_MEMORY_DOUBLE_FREE for one that it freed before while nobody
   *   has its place, ERR_MEMORY_FOREIGN_FREE for what it does not hold, ERR_MEMORY_INVALID_ARGUMENT for another size
   */
  deallocate(offset: number, byteLength: number): void {
    if (!this.isPlainSpan(offset, byteLength)) this.checkSpan('deallocate', offset, byteLength);
    this.followReset();
    const newest = this.held - 1;
    const at = this.entries + (this.mine[newest] ?? 0) * ENTRY_WORDS;
    if (newest < 0 || (this.words[at + START] ?? 0) * this.granuleBytes !== offset) {
      throw this.orderError(offset);
    }
    const expected = this.bytesOf(at);
    if (expected !== byteLength) throw this.wrongSize('deallocate', offset, byteLength, String(expected));
    this.freeDownTo(newest);
  }

  /** A window of what is handed out. */
  view(offset: number, byteLength: number): Uint8Array {
    if (!this.isPlainSpan(offset, byteLength)) this.checkSpan('view', offset, byteLength);
    if (offset + byteLength > this.usedBytes) throw this.outside('view', offset, byteLength);
    return windowOf(this.where('view'), this.memory.data, offset, byteLength);
  }

  /** True inside a block that any attachment holds. Looks it up by halves. */
  owns(offset: number): boolean {
    if (this.closed || !Number.isInteger(offset) || offset < 0) return false;
    const granule = Math.floor(offset / this.granuleBytes);
    let low = 0;
    let high = this.lock.depth;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.words[this.entries + middle * ENTRY_WORDS + END] ?? 0) > granule) high = middle;
      else low = middle + 1;
    }
    if (low >= this.lock.depth) return false;
    const at = this.entries + low * ENTRY_WORDS;
    return (this.words[at + START] ?? 0) <= granule && (this.words[at + OWNER] ?? 0) > 0;
  }

  /** Where this attachment's own order stands. */
  mark(): SharedMarker {
    if (this.closed) throw this.closedError('mark');
    this.followReset();
    const { owner, generation, held } = this;
    const newest = held === 0 ? 0 : (this.numbers[held - 1] ?? 0);
    return Object.freeze({ type: 'nebula-memory.shared-marker', owner, generation, depth: held, newest });
  }

  /**
   * Frees what this attachment allocated since the marker; others keep theirs.
   *
   * @throws ERR_MEMORY_STALE_HANDLE after a reset and for another attachment's marker, ERR_MEMORY_LIFO_VIOLATION when an
   *   earlier marker was released before
   */
  release(marker: SharedMarker): void {
    if (this.closed) throw this.closedError('release');
    const where = this.where('release');
    const given = marker as Partial<SharedMarker> | null | undefined;
    if (given?.type !== 'nebula-memory.shared-marker') {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a marker of this allocator is needed`);
    }
    const depth = checkInteger(`${where}: marker.depth`, given.depth, 0, MAX_DEPTH);
    this.followReset();
    if (given.owner !== this.owner || given.generation !== this.generation) {
      throw memoryError(
        'ERR_MEMORY_STALE_HANDLE',
        `${where}: the marker is of another attachment or of before a reset`,
        {
          source: this.name,
        },
      );
    }
    if (depth > this.held || (depth > 0 && this.numbers[depth - 1] !== given.newest)) {
      throw memoryError('ERR_MEMORY_LIFO_VIOLATION', `${where}: what stood below the marker was freed before`, {
        source: this.name,
        hint: 'Release markers in the opposite order of taking them.',
      });
    }
    if (depth < this.held) this.freeDownTo(depth);
  }

  /**
   * Runs `work` and frees what this attachment allocated meanwhile, also when it throws.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT when it returns a promise: its work would outlive the memory
   */
  frame<T>(work: () => T): T {
    const marker = this.mark();
    const hint = 'Take a mark before and release it after the last await.';
    return runWithin(this.where('frame'), work as (none: undefined) => T, undefined, () => this.release(marker), hint);
  }

  protected reclaim(owner: number): number {
    this.lock.breakFor(owner);
    const depth = this.lock.acquire(this.owner || owner);
    let taken = 0;
    for (let index = 0; index < depth; index += 1) {
      const at = this.entries + index * ENTRY_WORDS + OWNER;
      if (this.words[at] !== owner) continue;
      this.words[at] = -owner;
      taken += 1;
    }
    this.lock.release(this.settled(depth));
    return taken;
  }

  override reset(): void {
    if (!this.closed) this.lock.acquire(this.owner); // may refuse: nothing has changed then
    super.reset();
  }

  protected clear(): void {
    this.lock.acquire(this.owner);
    this.followReset();
    this.lock.release(0);
  }

  /** Frees this attachment's blocks from its own order's `keep` on. */
  private freeDownTo(keep: number): void {
    const { words } = this;
    const depth = this.lock.acquire(this.owner);
    this.followReset();
    const count = this.held - keep;
    for (let index = this.held - 1; index >= keep; index -= 1) {
      words[this.entries + (this.mine[index] ?? 0) * ENTRY_WORDS + OWNER] = -this.owner;
    }
    if (count > 0) this.held = keep;
    this.lock.release(this.settled(depth));
    if (count > 0) this.count(COUNTERS.deallocations, count);
  }

  /** The depth without the freed entries on top. */
  private settled(depth: number): number {
    let left = depth;
    while (left > 0 && (this.words[this.entries + (left - 1) * ENTRY_WORDS + OWNER] ?? 0) < 0) left -= 1;
    return left;
  }

  /** After a reset by anybody this attachment holds nothing. */
  private followReset(): void {
    const now = this.words[HEADER.generation] ?? 0;
    if (now === this.generation) return;
    this.generation = now;
    this.held = 0;
  }

  private endOf(depth: number): number {
    if (depth === 0) return 0;
    return Math.min(Math.max(0, this.words[this.entries + (depth - 1) * ENTRY_WORDS + END] ?? 0), this.limit);
  }

  private bytesOf(at: number): number {
    const { words } = this;
    return ((words[at + END] ?? 0) - (words[at + START] ?? 0)) * this.granuleBytes - (words[at + SLACK] ?? 0);
  }

  private growMine(): void {
    const mine = new Int32Array(this.mine.length * 2);
    const numbers = new Float64Array(mine.length);
    mine.set(this.mine);
    numbers.set(this.numbers);
    this.mine = mine;
    this.numbers = numbers;
  }

  private orderError(offset: number): Error {
    for (let index = 0; index < this.held; index += 1) {
      const at = this.entries + (this.mine[index] ?? 0) * ENTRY_WORDS;
      if ((this.words[at + START] ?? 0) * this.granuleBytes !== offset) continue;
      const above = this.held - 1 - index;
      return memoryError(
        'ERR_MEMORY_LIFO_VIOLATION',
        `${this.where('deallocate')}: ${above} newer ${above === 1 ? 'block' : 'blocks'} of this attachment must be freed before the one at ${offset}`,
        { source: this.name, hint: 'Free in the opposite order of allocating, or release a marker.' },
      );
    }
    // What it freed stands in the entries that it used, marked as such, until somebody takes them.
    for (let index = this.held; index < this.mine.length; index += 1) {
      const at = this.entries + (this.mine[index] ?? 0) * ENTRY_WORDS;
      const freed = this.words[at + OWNER] === -this.owner;
      if (freed && (this.words[at + START] ?? 0) * this.granuleBytes === offset) {
        return this.doubleFree('deallocate', offset);
      }
    }
    return this.foreign('deallocate', offset, 'is not the start of a block that this attachment holds');
  }
}
