import { FAST_LIMIT } from '../../allocators';
import { checkBoolean, checkFunction, checkInteger, checkOptions, INSPECT, memoryError, overPreset } from '../../core';
import { ARENA_KEYS, Arena, type ArenaOptions, type ArenaStats, BlockWalk, type Chunk } from '../arena';
import { makeRecordClass, type RecordClass } from './accessors';
import { runHook } from './hooks';
import { type PlacedLayout, placeLayout, type RecordInit, type RecordLayout } from './layout';
import { placeRecord, type RecordBase, type RecordHost } from './record';
import { shown } from './shown';
import { type ArenaRecord, RecordSlice } from './slice';
import { ChunkViews } from './views';

/**
 * What runs for a record when its arena is reset or disposed. The record can still be read; its arena allocates nothing.
 * It may not be async: a promise is refused with ERR_MEMORY_INVALID_ARGUMENT after all hooks ran and the memory is gone.
 */
export type DisposalHook<L extends RecordLayout> = (record: ArenaRecord<L>) => void;

/** Options of {@link TypedArena}: those of an {@link Arena}, and of its records. */
export interface TypedArenaOptions<L extends RecordLayout = RecordLayout> extends ArenaOptions {
  /** Records in the first chunk. Default 64; give either this or `chunkBytes`. */
  readonly chunkRecords?: number;
  /** Runs for every record, newest first. reset() then takes time for each of them. */
  readonly onDispose?: DisposalHook<L>;
  /** Whether records begin as zeros. Default true; with false what is not given at alloc() is what was there before. */
  readonly zero?: boolean;
}

/**
 * An arena of records of one layout: plain memory behind objects with properties. Ten million records are ten million
 * times their bytes and no work for the collector. Belongs to one thread; ends like an {@link Arena}.
 *
 * A record that outlives reset() or dispose() throws ERR_MEMORY_STALE_HANDLE when a field is read or written. An array
 * field gives a view, which knows no generation: see `onReset`.
 */
export class TypedArena<L extends RecordLayout> implements Disposable, Iterable<ArenaRecord<L>> {
  /** Where each field lies, in bytes. */
  readonly layout: PlacedLayout;
  private readonly arena: Arena;
  private readonly RecordClass: RecordClass;
  private readonly host: RecordHost;
  private readonly clears: boolean;
  private readonly onDispose: DisposalHook<L> | undefined;
  private hooks: { readonly record: ArenaRecord<L>; readonly hook: DisposalHook<L> }[] = [];
  /** Records whose onDispose has run, though the reset failed. */
  private told = 0;
  private running = false;
  private readonly known = new WeakMap<object, ChunkViews>();
  private readonly viewsByChunk = new WeakMap<Chunk, ChunkViews>();
  private lastBuffer: ArrayBuffer | SharedArrayBuffer | null = null;
  private lastViews: ChunkViews | undefined;

  /**
   * @param layout the fields by name: `{ id: 'u32', at: 'f64', name: { string: 32 }, rgb: { array: 'u8', length: 3 } }`
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  constructor(layout: L, options?: TypedArenaOptions<L>) {
    const where = 'new TypedArena()';
    const { chunkRecords, onDispose, zero, ...given } = checkOptions<TypedArenaOptions<L>>(where, options, [
      ...ARENA_KEYS,
      'chunkRecords',
      'onDispose',
    ]);
    this.layout = placeLayout(where, layout);
    this.onDispose = onDispose === undefined ? undefined : checkFunction(`${where}: onDispose`, onDispose);
    this.clears = zero === undefined || checkBoolean(`${where}: zero`, zero);
    if (chunkRecords !== undefined && given.chunkBytes !== undefined) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: give either chunkRecords or chunkBytes`);
    }
    const records = chunkRecords === undefined ? 64 : checkInteger(`${where}: chunkRecords`, chunkRecords, 1, 2 ** 24);
    const chunkBytes = given.chunkBytes ?? Math.min(FAST_LIMIT, records * this.layout.byteLength);
    const { alignment } = this.layout;
    this.arena = new Arena({ name: 'typed-arena', alignment, ...given, chunkBytes });
    this.RecordClass = makeRecordClass(this.layout);
    this.host = {
      name: this.arena.name,
      stamp: 0,
      locate: (offset) => this.locate(offset),
      reopen: (at) => this.reopen(at),
    };
  }

  /** Chunks of 256 records and more, no counters. */
  static production<L extends RecordLayout>(layout: L, more?: TypedArenaOptions<L>): TypedArena<L> {
    return new TypedArena(layout, overPreset('TypedArena.production', { chunkRecords: 256, stats: false }, more));
  }
  /** As production(), with records that are not zeroed. */
  static performance<L extends RecordLayout>(layout: L, more?: TypedArenaOptions<L>): TypedArena<L> {
    return new TypedArena(
      layout,
      overPreset('TypedArena.performance', { chunkRecords: 1024, stats: false, zero: false }, more),
    );
  }
  /** Chunks of 16 records, and a reset() that empties every view. */
  static debug<L extends RecordLayout>(layout: L, more?: TypedArenaOptions<L>): TypedArena<L> {
    return new TypedArena(layout, overPreset('TypedArena.debug', { chunkRecords: 16, onReset: 'detach' }, more));
  }

  /** Counts the resets: records of another generation are stale. */
  get generation(): number {
    return this.arena.generation;
  }
  /** True after dispose(). */
  get disposed(): boolean {
    return this.arena.disposed;
  }
  /** Bytes from the begin of each chunk in use to its last record's end. */
  get usedBytes(): number {
    return this.arena.usedBytes;
  }
  /** `limitBytes`, or null without one. */
  get capacityBytes(): number | null {
    return this.arena.capacityBytes;
  }
  /** As Arena.stats, good also after dispose(). Records of a slice count as one allocation. */
  stats(): ArenaStats {
    return this.arena.stats();
  }
  /** Gives chunks without records back, all but `keepBytes`. @returns the bytes given back @throws as Arena.trim */
  trim(keepBytes: number = 0): number {
    this.needQuiet('trim');
    return this.arena.trim(keepBytes);
  }

  /**
   * A record. Fields that `init` leaves out are zero.
   *
   * @param hook runs for this record at reset() or dispose(), before `onDispose`
   * @throws as Arena.allocate; ERR_MEMORY_INVALID_ARGUMENT and ERR_MEMORY_OUT_OF_RANGE for values that do not fit: no
   *   record was made then; ERR_MEMORY_INVALID_STATE from inside a hook
   */
  alloc(init?: RecordInit<L>, hook?: DisposalHook<L>): ArenaRecord<L> {
    this.needQuiet('alloc');
    if (hook !== undefined) checkFunction('TypedArena.alloc: hook', hook);
    const { byteLength, alignment } = this.layout;
    const offset = this.arena.allocate(byteLength, alignment);
    const { level } = this.arena;
    const { stamp } = this.host;
    try {
      const record = this.fresh(offset, 1);
      if (init !== undefined) this.RecordClass.fill(record as unknown as RecordBase, init);
      if (hook !== undefined) this.hooks.push({ record, hook });
      return record;
    } catch (error) {
      // A getter of `init` may have made records meanwhile, or have reset the arena.
      if (stamp !== this.host.stamp) throw error;
      if (this.arena.level === level) this.arena.undo();
      else this.arena.deallocate(offset, byteLength);
      throw error;
    }
  }

  /** As alloc(), with undefined where there is no room. */
  tryAlloc(init?: RecordInit<L>, hook?: DisposalHook<L>): ArenaRecord<L> | undefined {
    this.needQuiet('tryAlloc');
    const offset = this.arena.tryAllocate(this.layout.byteLength, this.layout.alignment);
    if (offset === -1) return undefined;
    this.arena.undo();
    return this.alloc(init, hook);
  }

  /** The offset of a zeroed record, without an object: read it through a record that moves. @throws as alloc() */
  allocate(): number {
    this.needQuiet('allocate');
    const offset = this.arena.allocate(this.layout.byteLength, this.layout.alignment);
    if (this.clears) this.clear(offset, this.layout.byteLength);
    return offset;
  }

  /** Records side by side. @throws as alloc(); ERR_MEMORY_TOO_LARGE above 1 GiB */
  allocSlice(length: number): RecordSlice<L> {
    this.needQuiet('allocSlice');
    const count = checkInteger('TypedArena.allocSlice: length', length, 1);
    const { byteLength: stride, alignment } = this.layout;
    if (count > FAST_LIMIT / stride) {
      throw memoryError(
        'ERR_MEMORY_TOO_LARGE',
        `TypedArena.allocSlice: ${count} records of ${stride} bytes exceed 1 GiB`,
        {
          limitBytes: FAST_LIMIT,
          source: this.arena.name,
        },
      );
    }
    const offset = this.arena.allocate(count * stride, alignment);
    if (this.clears) this.clear(offset, count * stride);
    const { stamp } = this.host;
    return new RecordSlice<L>(offset, count, stride, (at) => {
      if (stamp === this.host.stamp) return this.make(at);
      throw memoryError('ERR_MEMORY_STALE_HANDLE', `${this.arena.name}: a reset() or dispose() took the slice back`, {
        source: this.arena.name,
      });
    });
  }

  /** The record that begins at an offset. @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED */
  at(offset: number): ArenaRecord<L> {
    return this.make(offset);
  }

  /** Every record, oldest first. Records made meanwhile may be left out; a reset() ends it. */
  *[Symbol.iterator](): Iterator<ArenaRecord<L>> {
    const { stamp } = this.host;
    const stride = this.layout.byteLength;
    const walk = new BlockWalk(this.arena.level);
    while (stamp === this.host.stamp && this.arena.walkOn(walk)) {
      const chunk = walk.chunk as Chunk;
      for (let at = walk.start; at < walk.end && stamp === this.host.stamp; at += stride) {
        yield this.recordAt(chunk, at);
      }
    }
  }

  /**
   * Calls back for every record, oldest first, with one object that moves from record to record: no garbage. Keep nothing
   * of it. Records made meanwhile may be left out; a reset() ends it.
   *
   * @throws what `visit` throws
   */
  forEach(visit: (record: ArenaRecord<L>) => void): void {
    checkFunction('TypedArena.forEach: visit', visit);
    const { stamp } = this.host;
    const stride = this.layout.byteLength;
    const walk = new BlockWalk(this.arena.level);
    let record: ArenaRecord<L> | undefined;
    while (stamp === this.host.stamp && this.arena.walkOn(walk)) {
      const chunk = walk.chunk as Chunk;
      for (let at = walk.start; at < walk.end && stamp === this.host.stamp; at += stride) {
        if (record === undefined) record = this.recordAt(chunk, at);
        else placeRecord(record as unknown as RecordBase, this.viewsIn(chunk), at, chunk.base + at);
        visit(record);
      }
    }
  }

  /**
   * Takes every record back, after the hooks have run, newest first. Without hooks as fast as Arena.reset.
   *
   * @throws what a hook threw, after all others ran and the records are gone; several errors come as the AggregateError
   *   in the `cause` of ERR_MEMORY_INVALID_STATE. ERR_MEMORY_INVALID_STATE from inside a hook: nothing happens then.
   */
  reset(): void {
    this.needQuiet('reset');
    this.end(() => this.arena.reset());
  }

  /** Runs the hooks and gives the memory back. @throws as reset(), and as Arena.dispose */
  [Symbol.dispose](): void {
    if (this.running) throw this.reentrant('dispose');
    this.end(() => this.arena.dispose());
  }

  /** The same as `using`. @throws as reset(), and as Arena.dispose */
  dispose(): void {
    this[Symbol.dispose]();
  }

  // ---- below ---------------------------------------------------------------------------------------------------

  private end(act: () => void): void {
    const { generation } = this.arena;
    const errors = this.runHooks();
    this.hooks = [];
    this.host.stamp += 1;
    this.lastBuffer = null;
    this.lastViews = undefined;
    try {
      act();
    } catch (error) {
      errors.push(error);
    }
    if (this.arena.disposed || this.arena.generation !== generation) this.told = 0;
    else {
      this.host.stamp -= 1; // the arena refused: the records stay
      this.leaveMoved();
    }
    if (errors.length === 0) return;
    if (errors.length === 1) throw errors[0];
    throw memoryError('ERR_MEMORY_INVALID_STATE', `${this.arena.name}: ${errors.length} disposal hooks failed`, {
      source: this.arena.name,
      cause: new AggregateError(errors),
    });
  }

  /** Memory that a refused reset() has moved all the same: records in it look where it is now. */
  private leaveMoved(): void {
    this.arena.eachBlock((chunk) => {
      const views = this.viewsByChunk.get(chunk);
      if (views === undefined || views.buffer === chunk.buffer) return;
      views.leave();
      this.viewsByChunk.delete(chunk);
    });
  }

  private runHooks(): unknown[] {
    const errors: unknown[] = [];
    const { onDispose, hooks } = this;
    if (this.arena.disposed || (hooks.length === 0 && onDispose === undefined)) return errors;
    const run = (hook: DisposalHook<L>, record: ArenaRecord<L>) => {
      try {
        runHook(this.arena.name, hook, record);
      } catch (error) {
        errors.push(error);
      }
    };
    this.running = true;
    try {
      for (const { record, hook } of hooks.reverse()) run(hook, record);
      if (onDispose === undefined) return errors;
      const untold = this.offsets().slice(this.told);
      this.told += untold.length;
      for (const offset of untold.reverse()) run(onDispose, this.make(offset));
    } finally {
      this.running = false;
    }
    return errors;
  }

  private offsets(): number[] {
    const list: number[] = [];
    const { byteLength: stride } = this.layout;
    this.arena.eachBlock((chunk, start, byteLength) => {
      for (let at = 0; at < byteLength; at += stride) list.push(chunk.base + start + at);
    });
    return list;
  }

  private recordAt(chunk: Chunk, at: number): ArenaRecord<L> {
    const record = new this.RecordClass(this.host, this.viewsIn(chunk), at, chunk.base + at);
    return record as unknown as ArenaRecord<L>;
  }

  private make(offset: number): ArenaRecord<L> {
    const { views, at } = this.locate(offset);
    return new this.RecordClass(this.host, views, at, offset) as unknown as ArenaRecord<L>;
  }

  private fresh(offset: number, count: number): ArenaRecord<L> {
    if (this.clears) this.clear(offset, count * this.layout.byteLength);
    const { views, at } = this.locate(offset);
    return new this.RecordClass(this.host, views, at, offset) as unknown as ArenaRecord<L>;
  }

  private clear(offset: number, byteLength: number): void {
    this.arena.view(offset, byteLength).fill(0);
  }

  private locate(offset: number): { readonly views: ChunkViews; readonly at: number } {
    const block = this.arena.blockOf(offset);
    if (block === undefined || block.rest % this.layout.byteLength !== 0) {
      this.arena.needOpen('at');
      throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${this.arena.name}: no record begins at offset ${offset}`, {
        source: this.arena.name,
      });
    }
    const { chunk } = block;
    return { views: this.viewsIn(chunk), at: offset - chunk.base };
  }

  private reopen(offset: number): ChunkViews {
    const block = this.arena.blockOf(offset);
    if (block !== undefined) return this.viewsIn(block.chunk);
    throw memoryError('ERR_MEMORY_STALE_HANDLE', `${this.arena.name}: the record at offset ${offset} is gone`, {
      source: this.arena.name,
    });
  }

  private viewsIn(chunk: Chunk): ChunkViews {
    if (chunk.buffer === null || chunk.buffer.byteLength === 0) {
      chunk.window(this.arena.name, 0, this.layout.byteLength); // somebody transferred the buffer; the pages are here
    }
    chunk.viewed = true;
    return this.viewsOf(chunk, chunk.buffer as ArrayBuffer);
  }

  private viewsOf(chunk: Chunk, buffer: ArrayBuffer | SharedArrayBuffer): ChunkViews {
    if (buffer === this.lastBuffer && this.lastViews !== undefined) return this.lastViews;
    let views = this.known.get(buffer);
    if (views === undefined) {
      views = new ChunkViews(buffer);
      this.known.set(buffer, views);
      this.viewsByChunk.set(chunk, views);
    }
    this.lastBuffer = buffer;
    this.lastViews = views;
    return views;
  }

  [INSPECT](): object {
    const { name, generation, usedBytes, capacityBytes, disposed } = this.arena;
    const fields = this.RecordClass.fieldNames;
    return shown('TypedArena', { name, fields, generation, usedBytes, capacityBytes, disposed });
  }

  private needQuiet(method: string): void {
    if (this.running) throw this.reentrant(method);
  }

  private reentrant(method: string): Error {
    return memoryError('ERR_MEMORY_INVALID_STATE', `TypedArena.${method} was called from inside a disposal hook`, {
      source: this.arena.name,
      hint: 'A hook reads its record and lets go of what it stands for; do the rest after reset().',
    });
  }
}
