import { checkByteLength, checkOffset, type Recipe, suppliersOf } from '../../allocators';
import {
  type AllocatorStats,
  type ByteSize,
  checkFunction,
  describe,
  formatBytes,
  memoryError,
  overPreset,
} from '../../core';
import type { BlockWalk } from './block-walk';
import type { Chunk } from './chunk';
import { ArenaCore } from './core';
import { type ArenaMark, staleMark } from './marks';
import {
  ARENA_KEYS,
  ARENA_PRESETS,
  type ArenaOptions,
  type ArenaPlan,
  type ArenaPreset,
  mergeOptions,
  planArena,
} from './options';
import { ArenaRef } from './ref';
import { ArenaScope, runInScope } from './scope';

/** What an arena counts beyond the common numbers. Sizes are bytes. */
export interface ArenaStats extends AllocatorStats {
  /** Resets so far, counted whatever the options. */
  readonly generation: number;
  readonly chunks: number;
  /** Of those, how many hold blocks or are the one that the next block comes from. */
  readonly chunksInUse: number;
  /** Chunks got from the provider since the beginning. */
  readonly chunksAcquired: number;
  readonly peakReservedBytes: number;
  /** Ends of chunks in use that were too short for the request that followed. */
  readonly lostBytes: number;
}

/**
 * Memory for things that die together: blocks are taken from growing chunks and given back all at once by reset(), or
 * down to a mark by rewind() and scopes. Offsets count through one space over all chunks; a block never spans two.
 *
 * Belongs to one thread. The chunks are freed by dispose() or `using`: views of them have length 0 afterwards (with the
 * carrier `shared` they read zeros). After reset() views of the former generation see what is written next, unless the
 * option `onReset` is 'detach'; offsets and views carry no generation, {@link ArenaRef} and the collections do.
 */
export class Arena extends ArenaCore {
  private scopes: ArenaMark[] = [];

  /**
   * @param chunkBytes the first chunk, or all options in one object. No memory is taken before the first block.
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ALIGNMENT
   */
  constructor(chunkBytes?: ByteSize | ArenaOptions, options?: ArenaOptions) {
    super(Arena.plan(new.target.name, chunkBytes, options));
  }

  private static plan(
    name: string,
    first: ByteSize | ArenaOptions | undefined,
    more: ArenaOptions | undefined,
  ): ArenaPlan {
    const where = `new ${name}()`;
    return planArena(where, mergeOptions(where, first, more, ARENA_KEYS), 'arena');
  }

  private static preset(name: ArenaPreset, more: ArenaOptions | undefined): Arena {
    return new Arena(overPreset<ArenaOptions>(`Arena.${name}`, ARENA_PRESETS[name], more));
  }

  /** 64 KiB chunks growing by half to 256 MiB, alignment 16, no counters. `more` wins over the preset. */
  static production(more?: ArenaOptions): Arena {
    return Arena.preset('production', more);
  }
  /** As production(). */
  static performance(more?: ArenaOptions): Arena {
    return Arena.preset('performance', more);
  }
  /** Zeroed blocks, and a reset() that empties every view. */
  static debug(more?: ArenaOptions): Arena {
    return Arena.preset('debug', more);
  }
  /** 16 KiB chunks growing by 1.8 to 64 MiB. */
  static conservative(more?: ArenaOptions): Arena {
    return Arena.preset('conservative', more);
  }
  /** 8 KiB chunks doubling to 32 MiB. */
  static smallObjects(more?: ArenaOptions): Arena {
    return Arena.preset('smallObjects', more);
  }
  /** 256 KiB chunks growing by 1.3 to 512 MiB, alignment 64. */
  static largeObjects(more?: ArenaOptions): Arena {
    return Arena.preset('largeObjects', more);
  }

  // ---- blocks in other forms -----------------------------------------------------------------------------------

  /** allocate() and view() in one. @throws as both */
  alloc(byteLength: number, alignment?: number): Uint8Array {
    return this.view(this.allocate(byteLength, alignment), byteLength);
  }

  /** As alloc(), with undefined where there is no room. */
  tryAlloc(byteLength: number, alignment?: number): Uint8Array | undefined {
    const offset = this.tryAllocate(byteLength, alignment);
    return offset === -1 ? undefined : this.view(offset, byteLength);
  }

  /** allocate() with a reference that knows its generation. @throws as allocate() */
  allocateRef(byteLength: number, alignment?: number): ArenaRef {
    const offset = this.allocate(byteLength, alignment);
    return new ArenaRef(this, offset, byteLength, this.log.count - 1);
  }

  /** A copy of some bytes. Empty ones take no memory. @throws as allocate() */
  allocateBytes(bytes: Uint8Array, alignment: number = 1): ArenaRef {
    if (!(bytes instanceof Uint8Array)) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${this.where('allocateBytes')}: bytes must be a Uint8Array, got ${describe(bytes)}`,
      );
    }
    const { length } = bytes;
    if (length === 0) return this.nothing('allocateBytes');
    const ref = this.allocateRef(length, alignment);
    ref.view().set(bytes);
    return ref;
  }

  /** A copy of a string as UTF-8, without an end mark. The empty string takes no memory. @throws as allocate() */
  allocateString(text: string): ArenaRef {
    if (typeof text !== 'string') {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${this.where('allocateString')}: text must be a string, got ${describe(text)}`,
      );
    }
    const byteLength = Buffer.byteLength(text, 'utf8');
    if (byteLength === 0) return this.nothing('allocateString');
    const ref = this.allocateRef(byteLength, 1);
    const view = ref.view();
    Buffer.from(view.buffer, view.byteOffset, byteLength).write(text, 'utf8');
    return ref;
  }

  /** A reference to a block that is handed out. @throws ERR_MEMORY_FOREIGN_FREE for what is none, ERR_MEMORY_INVALID_ARGUMENT for another size */
  ref(offset: number, byteLength: number): ArenaRef {
    return new ArenaRef(this, offset, byteLength, this.needBlock('ref', offset, byteLength));
  }

  private nothing(method: string): ArenaRef {
    this.needIdle(method);
    return new ArenaRef(this, 0, 0, -1);
  }

  private needBlock(method: string, offset: number, byteLength: number): number {
    this.checkSpan(method, offset, byteLength);
    this.needIdle(method);
    const entry = this.blockAt(offset, true);
    if (entry === -1 || this.log.isFreed(entry)) throw this.foreign(method, offset, 'is no block that is handed out');
    const size = this.sizeOf(entry);
    if (size !== byteLength) throw this.wrongSize(method, offset, byteLength, `${size}`);
    return entry;
  }

  /**
   * Lengthens or shortens the newest block in place.
   *
   * @returns false where the block is not the newest or its chunk has no room: nothing has changed then
   * @throws as deallocate()
   */
  tryResize(offset: number, byteLength: number, newByteLength: number): boolean {
    const entry = this.needBlock('tryResize', offset, byteLength);
    checkByteLength(this.where('tryResize'), newByteLength);
    if (entry !== this.log.count - 1) return false;
    const start = offset - this.base;
    if (newByteLength > this.room - start) return false; // also with `zero`: the new part might not be
    this.noteDirty(start + byteLength);
    this.log.sizes[entry] = newByteLength;
    this.position = start + newByteLength;
    return true;
  }

  // ---- marks and scopes ----------------------------------------------------------------------------------------

  /** A point to come back to, over any number of chunks. A number: nothing to free. @throws ERR_MEMORY_CLOSED */
  mark(): ArenaMark {
    this.needIdle('mark');
    return this.marks.add(this.log.count);
  }

  /**
   * Gives back every block that was handed out after the mark. The mark stays good, later ones do not. Takes time for the
   * chunks in between, and for the blocks in between if any was freed on its own.
   *
   * @throws ERR_MEMORY_STALE_HANDLE for a mark of before a reset, above an earlier rewind, or of another arena;
   *   ERR_MEMORY_LIFO_VIOLATION for one outside the innermost open scope. Nothing has changed then.
   */
  rewind(mark: ArenaMark): void {
    this.needIdle('rewind');
    const level = this.marks.levelOf(mark);
    if (level === -1) throw staleMark(this.where('rewind'), this.name);
    const innermost = this.scopes[this.scopes.length - 1];
    if (innermost !== undefined && mark < innermost && this.marks.levelOf(innermost) !== -1) {
      throw memoryError(
        'ERR_MEMORY_LIFO_VIOLATION',
        `${this.where('rewind')}: the mark was made outside a scope that is still open`,
        { source: this.name, hint: 'Close the scope first.' },
      );
    }
    this.rewindTo(mark, level);
  }

  private rewindTo(mark: ArenaMark, level: number): void {
    if (level < this.log.count) this.cutTo(level);
    this.marks.dropAbove(mark);
    this.marks.clamp(this.log.count);
  }

  /** A scope to close by `using`, or one around a callback, sync or async, whose result is returned. */
  scope(): ArenaScope;
  scope<T>(work: (scope: ArenaScope) => T): T;
  scope<T>(work?: (scope: ArenaScope) => T): ArenaScope | T {
    if (work === undefined) return new ArenaScope(this);
    return runInScope(this, checkFunction(`${this.where('scope')}: work`, work));
  }

  protected get openScopes(): number {
    return this.scopes.length;
  }

  /** @internal */
  openScope(): ArenaMark {
    this.needIdle('scope');
    const mark = this.marks.addOwn(this.log.count);
    this.scopes.push(mark);
    return mark;
  }

  /** @internal Does nothing for a scope that a reset or dispose has ended. */
  closeScope(mark: ArenaMark): void {
    const at = this.scopes.lastIndexOf(mark);
    if (this.closed || at === -1) return;
    this.needIdle('scope');
    if (at !== this.scopes.length - 1) {
      throw memoryError(
        'ERR_MEMORY_LIFO_VIOLATION',
        `ArenaScope.close: ${this.scopes.length - 1 - at} scope(s) within this one are still open`,
        { source: this.name, hint: 'Close the innermost first; give concurrent tasks an arena each.' },
      );
    }
    this.rewindTo(mark, this.marks.levelOf(mark));
    this.marks.dropFrom(mark);
    this.scopes.pop();
  }

  override reset(): void {
    super.reset();
    if (this.scopes.length > 0) this.scopes = [];
  }

  /** @internal Counts cuts and resets, for references. */
  get changes(): number {
    return this.cuts.count;
  }

  /** @internal True for a block that neither a free nor a rewind took away since the count of changes was `since`. */
  isLiveSince(entry: number, since: number): boolean {
    return !this.closed && this.cuts.lowestSince(since) > entry && !this.log.isFreed(entry);
  }

  // ---- books ---------------------------------------------------------------------------------------------------

  /** Bytes of all chunks, in use or kept for later. */
  get heldBytes(): number {
    return this.store.reservedBytes;
  }

  /** @internal */
  override recipe(): Recipe {
    const { chunkBytes, growthFactor, maxChunkBytes, alignment, ownMappings, budget } = this.plan;
    const own = { chunkBytes, growthFactor, maxChunkBytes, alignment, ownMappings: String(ownMappings) };
    return { ...super.recipe(), ...own, ...suppliersOf({ provider: undefined, budget }) };
  }

  override stats(): ArenaStats {
    let lostBytes = 0;
    for (let i = 0; i < this.at; i += 1) {
      const chunk = this.order[i] as Chunk;
      lostBytes += chunk.byteLength - chunk.usedBytes;
    }
    return Object.freeze({
      ...super.stats(),
      generation: this.generation,
      chunks: this.order.length,
      chunksInUse: this.at + 1,
      chunksAcquired: this.store.acquired,
      peakReservedBytes: this.store.peakReservedBytes,
      lostBytes,
    });
  }

  /**
   * Gives chunks without blocks back to the provider, all but `keepBytes` of them.
   *
   * @returns the bytes given back
   * @throws ERR_MEMORY_IN_USE while such a chunk is pinned
   */
  trim(keepBytes: number = 0): number {
    checkOffset(this.where('trim'), keepBytes);
    this.needIdle('trim');
    const before = this.store.reservedBytes;
    if (this.log.count === 0) this.leaveAll();
    let keep = this.at + 1;
    for (let kept = 0; keep < this.order.length && kept < keepBytes; keep += 1) {
      kept += (this.order[keep] as Chunk).reservedBytes;
    }
    this.releaseFrom(keep);
    if (this.order.length === 0) this.store.restart();
    this.log.shrink();
    return before - this.store.reservedBytes;
  }

  /** @internal The block that holds an offset: its chunk, and how far into it the offset lies. */
  blockOf(offset: number): { readonly chunk: Chunk; readonly rest: number } | undefined {
    const chunk = this.closed || !Number.isSafeInteger(offset) || offset < 0 ? undefined : this.chunkOf(offset);
    const entry = chunk === undefined ? -1 : this.blockAt(offset, false);
    if (chunk === undefined || entry === -1 || this.log.isFreed(entry)) return undefined;
    return { chunk, rest: offset - chunk.base - this.log.startOf(entry) };
  }

  /** @internal @throws ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_STATE */
  needOpen(method: string): void {
    this.needIdle(method);
  }

  /** @internal Calls back for each live block, oldest first. */
  eachBlock(visit: (chunk: Chunk, start: number, byteLength: number) => void): void {
    for (let index = 0; index <= this.at; index += 1) {
      const chunk = this.order[index] as Chunk;
      const last = this.lastEntryOf(index);
      for (let entry = chunk.firstEntry; entry <= last; entry += 1) {
        if (!this.log.isFreed(entry)) visit(chunk, this.log.startOf(entry), this.sizeOf(entry));
      }
    }
  }

  /** @internal Moves a walk on to the next live block, oldest first; false at the end. Blocks may come and go meanwhile. */
  walkOn(walk: BlockWalk): boolean {
    const { log, order } = this;
    const end = Math.min(walk.level, log.count);
    let entry = walk.entry + 1;
    while (entry < end && log.isFreed(entry)) entry += 1;
    walk.entry = entry;
    if (entry >= end) return false;
    let index = Math.min(walk.index, this.at);
    while (index > 0 && (order[index] as Chunk).firstEntry > entry) index -= 1;
    while (index < this.at && (order[index + 1] as Chunk).firstEntry <= entry) index += 1;
    walk.index = index;
    walk.chunk = order[index] as Chunk;
    walk.start = log.startOf(entry);
    walk.end = walk.start + this.sizeOf(entry);
    return true;
  }

  protected refused(byteLength: number): Error {
    const { refusal } = this.store;
    const { limitBytes } = this.plan;
    const never = limitBytes !== null && byteLength > limitBytes;
    if (refusal !== undefined && !never) return refusal as Error;
    if (limitBytes === null || never) {
      return this.noRoom(byteLength, limitBytes ?? Number.MAX_SAFE_INTEGER, 'ERR_MEMORY_ARENA_EXHAUSTED');
    }
    return memoryError(
      'ERR_MEMORY_ARENA_EXHAUSTED',
      `${this.name}: no room for ${byteLength} bytes: chunks of ${formatBytes(this.heldBytes)} are held, ` +
        `the limit is ${formatBytes(limitBytes)}`,
      {
        requestedBytes: byteLength,
        limitBytes,
        availableBytes: Math.max(0, limitBytes - this.usedBytes),
        source: this.name,
        hint: 'Reset or rewind it, raise limitBytes, or put a FallbackAllocator around it.',
      },
    );
  }
}
