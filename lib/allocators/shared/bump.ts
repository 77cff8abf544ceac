import { checkOptions, memoryError } from '../../core';
import { type MemorySource, runWithin, windowOf } from '../base';
import { SharedAllocatorBase } from './base';
import { SharedFreedBits } from './freed-bits';
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
import { RestoreLog } from './restore-log';

/** A place to go back to. Belongs to the attachment that took it. */
export interface SharedCheckpoint {
  readonly type: 'nebula-memory.shared-checkpoint';
  /** The attachment that took it. */
  readonly owner: number;
  /** How many resets and restores there had been. */
  readonly era: number;
  /** Bytes that were in use. */
  readonly usedBytes: number;
}

/** Options of a {@link SharedBumpAllocator}. */
export type SharedBumpOptions = SharedAllocatorOptions;

const KEYS = ['name', 'owners', 'pages'] as const;
const LEAST_GRANULE = 8;
/** The cursor has cache lines of its own; the bits of what was freed follow. */
const CURSOR_WORDS = 32;
const FAST_BYTES = 2 ** 30;

function ownWords(dataBytes: number, granuleBytes: number): number {
  return CURSOR_WORDS + SharedFreedBits.wordsFor(Math.floor(dataBytes / granuleBytes));
}

/**
 * A cursor that many threads and processes move at once: an allocation is one compare-and-exchange. Memory comes back by
 * reset() and restore() only; what a dead attachment held comes back with them too.
 *
 * Sizes are rounded up to granules of 8 bytes (larger ones above 8 GiB, so that a 32-bit cursor spans the memory); every
 * offset is aligned to a granule.
 */
export class SharedBumpAllocator extends SharedAllocatorBase {
  private readonly shift: number;
  private readonly mask: number;
  private readonly limit: number;
  private readonly cursor: number;
  private peakSeen: number;
  private readonly restores = new RestoreLog();
  private readonly freed: SharedFreedBits;

  private constructor(where: string, name: string, memory: SharedMemory) {
    super(name, memory);
    const [granuleBytes = 0] = memory.layout.parameters;
    this.shift = Math.log2(granuleBytes);
    this.mask = granuleBytes - 1;
    this.limit = Math.floor(memory.layout.dataBytes / granuleBytes);
    this.cursor = memory.own;
    this.freed = new SharedFreedBits(memory.words, memory.own + CURSOR_WORDS, this.limit);
    this.peakSeen = 0;
    this.enter(where);
    this.peakSeen = this.doubles[this.counters + COUNTERS.peak] ?? 0;
  }

  /**
   * Makes one, attached to it.
   *
   * @param source bytes for memory of its own (Region.shared), or { region } / { provider, byteLength } with memory that
   *   has a handle
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, what mapping throws, ERR_MEMORY_INVALID_STATE for
   *   memory with carrier `local`
   */
  static create(source: MemorySource, options?: SharedBumpOptions): SharedBumpAllocator {
    const where = 'SharedBumpAllocator.create';
    const given = checkOptions<SharedBumpOptions>(where, options, KEYS);
    const name = nameOf(where, given.name, 'shared bump');
    const memory = createMemory(where, 'bump', source, given, (dataBytes) => {
      const granuleBytes = granuleFor(LEAST_GRANULE, dataBytes);
      return { ownWords: ownWords(dataBytes, granuleBytes), parameters: [granuleBytes] };
    });
    memory.publish();
    return new SharedBumpAllocator(where, name, memory);
  }

  /** Attaches from another thread or process. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED */
  static attach(handle: SharedAllocatorHandle): SharedBumpAllocator {
    const where = 'SharedBumpAllocator.attach';
    const { memory, name } = attachMemory(where, 'bump', handle, (layout) => {
      const [granuleBytes = 0] = layout.parameters;
      const { dataBytes } = layout;
      return isGranule(granuleBytes, LEAST_GRANULE, dataBytes) && layout.ownWords >= ownWords(dataBytes, granuleBytes);
    });
    return new SharedBumpAllocator(where, name, memory);
  }

  /** Bytes below the cursor, whoever was handed them, with alignment and rounding. */
  get usedBytes(): number {
    return this.closed ? 0 : this.top() * (this.mask + 1);
  }

  protected get peakUsedBytes(): number {
    return this.table.largest(this.doubles, COUNTERS.peak);
  }

  /**
   * The offset of a block, a multiple of 8 bytes (more above 8 GiB).
   *
   * @param alignment a power of two to 4096, default 8
   * @throws ERR_MEMORY_ARENA_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED,
   *   ERR_MEMORY_CORRUPTION for a cursor that was overwritten
   */
  allocate(byteLength: number, alignment: number = LEAST_GRANULE): number {
    const offset = this.tryAllocate(byteLength, alignment);
    if (offset === -1) throw this.noRoom(byteLength, this.limit * (this.mask + 1), 'ERR_MEMORY_ARENA_EXHAUSTED');
    return offset;
  }

  /** As `allocate`, but -1 where that throws ERR_MEMORY_ARENA_EXHAUSTED or ERR_MEMORY_TOO_LARGE. */
  tryAllocate(byteLength: number, alignment: number = LEAST_GRANULE): number {
    if (!this.isPlainRequest(byteLength, alignment)) this.checkRequest('tryAllocate', byteLength, alignment);
    const shift = this.shift;
    // Past 31 bits the shift would wrap: such sizes are divided.
    const size =
      byteLength <= FAST_BYTES ? (byteLength + this.mask) >>> shift : Math.ceil(byteLength / (this.mask + 1));
    const extra = Math.max((alignment >> shift) - 1, 0);
    const words = this.words;
    const at = this.cursor;
    const limit = this.limit;
    let seen = words[at] ?? 0; // a guess; the exchange tells
    for (;;) {
      const start = (seen + extra) & ~extra;
      // Unsigned, so that a cursor that was overwritten is past the limit, whatever it holds.
      if (seen >>> 0 > limit || size > limit - start) return this.refuse(seen);
      const end = start + size;
      const was = Atomics.compareExchange(words, at, seen, end);
      if (was === seen) {
        const doubles = this.doubles;
        const counter = this.counters;
        doubles[counter] = (doubles[counter] ?? 0) + 1;
        if (end > this.peakSeen) this.notePeak(end);
        return start * (this.mask + 1);
      }
      seen = was;
    }
  }

  /**
   * Counts a block as given back; its memory comes back with reset() or restore(). Whoever knows the offset may call it,
   * and of several who free one block exactly one succeeds.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE past what was handed out and where no block can begin,
   *   ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED
   */
  deallocate(offset: number, byteLength: number): void {
    if (!this.isPlainSpan(offset, byteLength)) this.checkSpan('deallocate', offset, byteLength);
    if (offset + byteLength > this.usedBytes) {
      throw this.foreign('deallocate', offset, 'is past what was handed out');
    }
    const granule = offset / (this.mask + 1);
    if (!Number.isInteger(granule)) throw this.foreign('deallocate', offset, 'is not the start of a block');
    if (!this.freed.mark(granule)) throw this.doubleFree('deallocate', offset);
    this.count(COUNTERS.deallocations, 1);
  }

  /** A window below the cursor, across blocks if wanted. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED */
  view(offset: number, byteLength: number): Uint8Array {
    if (!this.isPlainSpan(offset, byteLength)) this.checkSpan('view', offset, byteLength);
    if (offset + byteLength > this.usedBytes) throw this.outside('view', offset, byteLength);
    return windowOf(this.where('view'), this.memory.data, offset, byteLength);
  }

  /** True below the cursor: everything up to there is handed out, padding too. */
  owns(offset: number): boolean {
    return Number.isInteger(offset) && offset >= 0 && offset < this.usedBytes;
  }

  /** Where the cursor stands, to go back to by this attachment. */
  checkpoint(): SharedCheckpoint {
    if (this.closed) throw this.closedError('checkpoint');
    const era = Atomics.load(this.words, HEADER.era);
    return Object.freeze({
      type: 'nebula-memory.shared-checkpoint',
      owner: this.owner,
      era,
      usedBytes: this.usedBytes,
    });
  }

  /**
   * Gives back all that anybody was handed since the checkpoint. Collective like reset(): the others must hold nothing of
   * it and be inside no call.
   *
   * @throws ERR_MEMORY_STALE_HANDLE after a reset, after a restore to before it, and after any restore by somebody else;
   *   ERR_MEMORY_INVALID_ARGUMENT for what is no checkpoint of this kind of allocator
   */
  restore(checkpoint: SharedCheckpoint): void {
    if (this.closed) throw this.closedError('restore');
    const { type, owner, era, usedBytes } = checkCheckpoint(this.where('restore'), checkpoint, this.mask + 1);
    const now = Atomics.load(this.words, HEADER.era);
    const target = usedBytes / (this.mask + 1);
    const mine = type === 'nebula-memory.shared-checkpoint' && owner === this.owner;
    if (!mine || target > this.top() || !this.restores.allows(era, now, target)) {
      throw memoryError(
        'ERR_MEMORY_STALE_HANDLE',
        `${this.where('restore')}: the checkpoint at ${usedBytes} bytes is ${mine ? 'of before a reset or another restore' : 'of another attachment'}`,
        { source: this.name },
      );
    }
    // The era first: who ends between the two has made checkpoints stale and given nothing back.
    Atomics.add(this.words, HEADER.era, 1);
    this.restores.note(now + 1, target);
    this.freed.clearFrom(target); // before the cursor: a new block is never taken for a freed one
    Atomics.store(this.words, this.cursor, target);
  }

  /**
   * Runs `work` and gives back what was allocated meanwhile, also when it throws.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT when it returns a promise: its work would outlive the memory
   */
  scope<T>(work: () => T): T {
    const checkpoint = this.checkpoint();
    const hint = 'Take a checkpoint before and restore it after the last await.';
    return runWithin(
      this.where('scope'),
      work as (none: undefined) => T,
      undefined,
      () => this.restore(checkpoint),
      hint,
    );
  }

  /** Nothing of a single owner can come back before reset(). */
  protected reclaim(): number {
    return 0;
  }

  protected clear(): void {
    this.freed.clearFrom(0);
    Atomics.store(this.words, this.cursor, 0);
  }

  /** The cursor in granules; a stray write into the bookkeeping is cut to what can be. */
  private top(): number {
    return Math.min(Math.max(0, Atomics.load(this.words, this.cursor)), this.limit);
  }

  private notePeak(end: number): void {
    this.peakSeen = end;
    this.doubles[this.counters + COUNTERS.peak] = end * (this.mask + 1);
  }

  private refuse(seen: number): -1 {
    this.count(COUNTERS.failures, 1);
    if (seen >= 0 && seen <= this.limit) return -1;
    throw memoryError('ERR_MEMORY_CORRUPTION', `${this.name}: the cursor was overwritten: ${seen}`);
  }
}

function checkCheckpoint(where: string, value: unknown, granuleBytes: number): SharedCheckpoint {
  const given = value as Partial<SharedCheckpoint> | null | undefined;
  if (given?.type === 'nebula-memory.shared-checkpoint') {
    const { usedBytes = -1 } = given;
    // A cursor stands on granules only.
    if (Number.isSafeInteger(usedBytes) && usedBytes >= 0 && usedBytes % granuleBytes === 0) {
      return { ...(given as SharedCheckpoint), usedBytes };
    }
  }
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a checkpoint of this allocator is needed`);
}
