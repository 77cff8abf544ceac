import {
  type ByteSize,
  describe,
  formatBytes,
  INSPECT,
  isMemoryError,
  memoryError,
  overPreset,
  parseBytes,
} from '../../core';
import { foreignRelease, poolClosed } from '../base';
import { isExhausted, SlabKeeper } from './keeper';
import { type BufferLeak, LeakWatch } from './leak-watch';
import { type BufferPoolOptions, type BufferPoolSettings, readBufferPoolOptions } from './options';
import { PooledBuffer } from './pooled-buffer';
import type { SizeClass } from './size-class';
import type { Slab, Slot } from './slab';
import type { BufferPoolStats } from './stats';

/**
 * Buffers that are lent and given back instead of being left to the collector: `using lease = pool.acquire('64KiB')`.
 * Sizes are rounded up to classes, buffers of a class are cut from slabs of real memory, and what nobody uses goes back to
 * the system. Belongs to one thread.
 *
 * A lease that was released is stale: its `bytes` throw. What a view can reach that somebody kept all the same is said by
 * `reuse`:
 *
 * - `fast`: the next holder's bytes. Nothing guards but the lease; 20 to 30 ns for acquire, bytes and release.
 * - `batch` (default): never the next holder's bytes. A released buffer rests until its whole slab came back; then the pages
 *   move to other addresses at one stroke, views have length 0, and what escaped reads zeros. Until then a kept view shows
 *   its former holder's bytes. What is more than a view (`view.buffer`, an ArrayBuffer that was transferred away) spans the
 *   slab, as with the pool of Node.js itself. A loan that lasts keeps its slab's other buffers resting. About 0.15 us
 *   for 4 KiB, 0.5 us for 64 KiB, less with larger `slabBytes`. The default, because a view that is kept by mistake must not become
 *   somebody else's data, and it is still several times faster than Buffer.allocUnsafe.
 * - `safe`: nothing at all, whoever kept whatever. Every buffer is a region with an ArrayBuffer of its own, whose pages move
 *   at each release of one that was looked at: 12 to 20 us, about as much as Buffer.alloc of 64 KiB.
 *
 * (On a virtual machine of two CPUs, Node.js 20.) On Node.js 20 a view that was taken away while requests of the event loop
 * are in flight reads zeros first and has length 0 once there are none.
 */
export class BufferPool implements Disposable {
  readonly name: string;
  private readonly settings: BufferPoolSettings;
  private readonly keeper: SlabKeeper;
  private readonly watch: LeakWatch;
  private readonly fast: boolean;
  private readonly clears: boolean;
  /** A buffer that comes back is free at once. */
  private plain: boolean;
  private ended = false;
  /** The class of the latest request. */
  private last: SizeClass;
  private lent = 0;
  private peakLent = 0;
  private oversize = 0;
  private oversizeAcquires = 0;
  private refusals = 0;
  private decayedBytes = 0;
  private trimmedBytes = 0;
  private timer: unknown;
  private tickedMs = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE for bad options */
  constructor(options?: BufferPoolOptions) {
    const settings = readBufferPoolOptions('BufferPool', options);
    this.settings = settings;
    this.name = settings.name;
    this.keeper = new SlabKeeper(this, 'BufferPool.acquire', settings);
    this.watch = new LeakWatch(settings.leakLevel, settings.clock);
    this.fast = settings.reuse === 'fast';
    this.clears = settings.zero === 'acquire';
    this.plain = this.fast && settings.zero === 'never';
    this.last = this.keeper.classes[0] as SizeClass;
  }

  /** The defaults. */
  static production(more?: BufferPoolOptions): BufferPool {
    return new BufferPool(more);
  }

  /** Every misuse shows: kept views are empty at once, leases begin as zeros, every loan is recorded. */
  static debug(more?: BufferPoolOptions): BufferPool {
    return new BufferPool(
      overPreset('BufferPool.debug', { reuse: 'safe', zero: 'acquire', leakLevel: 'paranoid' }, more),
    );
  }

  /** For owners that let no view out longer than its lease: the same buffers again and again, kept for longer. */
  static performance(more?: BufferPoolOptions): BufferPool {
    return new BufferPool(overPreset('BufferPool.performance', { reuse: 'fast', decayMs: '30s' }, more));
  }

  /**
   * A buffer of exactly `byteLength` bytes. Its contents are what was there, unless the option `zero` says otherwise.
   *
   * @param byteLength 1 or more
   * @throws ERR_MEMORY_POOL_EXHAUSTED at a bound, ERR_MEMORY_TOO_LARGE above all bounds and, with `oversize: 'refuse'`, above
   *   the largest class, ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; what the budget and the provider throw
   */
  acquire(byteLength: ByteSize): PooledBuffer {
    if (typeof byteLength === 'number' && (byteLength | 0) === byteLength) {
      const { last } = this;
      if (byteLength > last.above && byteLength <= last.bytes) {
        const slot = last.free.pop();
        if (slot !== undefined) return this.lend(slot, last, byteLength);
      }
    }
    return this.lendSlowly(byteLength);
  }

  /**
   * As acquire(), but undefined where a bound, a budget or memory is used up. Throws for everything else, also
   * ERR_MEMORY_TOO_LARGE: waiting would not help.
   */
  tryAcquire(byteLength: ByteSize): PooledBuffer | undefined {
    if (this.isFull(byteLength)) {
      this.refusals += 1;
      return undefined;
    }
    try {
      return this.acquire(byteLength);
    } catch (error) {
      if (isExhausted(error) && !isMemoryError(error, 'ERR_MEMORY_TOO_LARGE')) return undefined;
      throw error;
    }
  }

  /** The common refusal, without the cost of an error: the class of the latest request is at its bound. */
  private isFull(byteLength: ByteSize): boolean {
    if (typeof byteLength !== 'number' || (byteLength | 0) !== byteLength || this.ended) return false;
    const { last } = this;
    const { buffers, most } = last;
    if (byteLength <= last.above || byteLength > last.bytes) return false;
    return last.free.length === 0 && buffers > 0 && buffers >= most;
  }

  /** As `lease.release()`. @throws ERR_MEMORY_FOREIGN_FREE for what is no lease of this pool, and what release() throws */
  release(lease: PooledBuffer): void {
    if (!(lease instanceof PooledBuffer) || (lease as unknown as { slot?: Slot }).slot?.owner !== this) {
      throw foreignRelease(this.name, 'release', describe(lease));
    }
    lease.release();
  }

  /** Buffers that are lent. */
  get borrowed(): number {
    return this.lent;
  }

  /** Bytes that are mapped. */
  get heldBytes(): number {
    return this.keeper.source.heldBytes;
  }

  get closed(): boolean {
    return this.ended;
  }

  /**
   * Gives slabs of which nothing is lent back to the system until at most `keepBytes` of them are left, those that were
   * used longest ago first.
   *
   * @returns bytes given back
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE; the first error of provider or budget, after all was tried
   */
  trim(keepBytes: ByteSize = 0): number {
    const { bytes, failure } = this.keeper.giveIdle(parseBytes(keepBytes, 'BufferPool.trim: keepBytes'));
    this.trimmedBytes += bytes;
    if (failure !== undefined) throw failure;
    return bytes;
  }

  /** The recorded loans that are out, the longest first; empty at `leakLevel: 'off'`. */
  leaks(): BufferLeak[] {
    return this.watch.report();
  }

  stats(): BufferPoolStats {
    const { keeper, lent, oversize } = this;
    let idle = 0;
    let buffers = oversize;
    let acquires = this.oversizeAcquires;
    let misses = acquires;
    const classes = [];
    for (const entry of keeper.classes) {
      if (entry.acquires === 0 && entry.buffers === 0) continue;
      idle += entry.free.length;
      buffers += entry.buffers;
      acquires += entry.acquires;
      misses += entry.misses;
      classes.push(
        Object.freeze({
          bufferBytes: entry.bytes,
          buffers: entry.buffers,
          borrowed: entry.lent,
          idle: entry.free.length,
          resting: entry.buffers - entry.lent - entry.free.length,
          slabs: entry.slabs.size,
          acquires: entry.acquires,
          misses: entry.misses,
          peakBorrowed: entry.peakLent,
        }),
      );
    }
    const { heldBytes, peakHeldBytes, limitBytes } = keeper.source;
    return Object.freeze({
      name: this.name,
      idle,
      borrowed: lent,
      size: buffers,
      maxSize: null,
      waiting: 0,
      acquires,
      releases: acquires - lent,
      hits: acquires - misses,
      misses,
      refusals: this.refusals,
      creates: keeper.creates,
      disposals: keeper.disposals,
      detached: 0,
      invalid: 0,
      expired: 0,
      peakBorrowed: this.peakLent,
      peakSize: keeper.peakBuffers,
      heldBytes,
      peakHeldBytes,
      limitBytes: Number.isFinite(limitBytes) ? limitBytes : null,
      oversize,
      resting: buffers - lent - idle,
      slabs: keeper.slabs,
      moves: keeper.moves,
      decayedBytes: this.decayedBytes,
      trimmedBytes: this.trimmedBytes,
      stuckSlabs: keeper.stuck.size,
      mishaps: keeper.mishaps,
      collected: this.watch.collected,
      classes: Object.freeze(classes),
    });
  }

  /**
   * Lends nothing from now on and gives back what is idle. Leases that are out stay valid: their memory goes when they are
   * released, since work of the kernel may run on it. May be called again.
   *
   * @throws the first error of provider or budget, after all was tried; a second call tries again
   */
  close(): void {
    const { keeper, settings } = this;
    const idle: Slab[] = [];
    if (!this.ended) {
      this.ended = true;
      this.plain = false;
      if (this.timer !== undefined) settings.timers.stop(this.timer);
      this.timer = undefined;
      idle.push(...keeper.end());
    }
    const { failure } = keeper.give([...keeper.stuck, ...idle]);
    if (failure !== undefined) throw failure;
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & BufferPoolStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  [INSPECT](): string {
    return `${this.constructor.name} '${this.name}': ${this.ended ? 'closed, ' : ''}${this.lent} lent, ${formatBytes(this.heldBytes)} held`;
  }

  /** As close(). */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this.close();
  }

  // ---- below ---------------------------------------------------------------------------------------------------

  private lend(slot: Slot, entry: SizeClass, byteLength: number): PooledBuffer {
    const lease = new PooledBuffer(slot, byteLength);
    if (this.clears || --this.watch.countdown <= 0) this.prepare(lease, slot, entry, byteLength);
    slot.slab.touched = this.keeper.epoch;
    entry.acquires += 1;
    if (++entry.lent > entry.peakLent) entry.peakLent = entry.lent;
    if (++this.lent > this.peakLent) this.peakLent = this.lent;
    return lease;
  }

  /** What can fail: then the slot is free again. */
  private prepare(lease: PooledBuffer, slot: Slot, entry: SizeClass | undefined, byteLength: number): void {
    try {
      if (this.clears && slot.dirty) slot.viewOf(byteLength).fill(0);
      if (this.clears) this.watch.countdown -= 1;
      if (this.watch.countdown <= 0) this.watch.note(lease, slot, byteLength);
    } catch (error) {
      if (entry === undefined) this.letAloneGo(slot);
      else if (this.ended) this.leave(slot, entry);
      else entry.free.push(slot);
      throw error;
    }
  }

  private lendSlowly(byteLength: ByteSize): PooledBuffer {
    if (this.ended) throw poolClosed(this.name, 'acquire');
    const bytes = parseBytes(byteLength, 'BufferPool.acquire: byteLength', { minBytes: 1 });
    const { keeper, settings } = this;
    try {
      if (bytes > (settings.sizes.at(-1) as number)) return this.lendAlone(bytes);
      const entry = keeper.classOf(bytes);
      this.last = entry;
      const missed = entry.free.length === 0;
      if (missed) {
        this.startTimer(); // first: clock and timers are somebody else's code
        const slab = keeper.extend(entry);
        if (this.ended) {
          entry.drop([slab]);
          this.closedMeanwhile(slab);
        }
      }
      const lease = this.lend(entry.free.pop() as Slot, entry, bytes);
      if (missed) entry.misses += 1;
      return lease;
    } catch (error) {
      this.refusals += 1;
      throw error;
    }
  }

  private lendAlone(bytes: number): PooledBuffer {
    const { settings, keeper } = this;
    if (!settings.maps) {
      const limitBytes = settings.sizes.at(-1) as number;
      throw memoryError(
        'ERR_MEMORY_TOO_LARGE',
        `BufferPool.acquire: ${bytes} bytes, the largest buffer has ${limitBytes}`,
        {
          source: this.name,
          requestedBytes: bytes,
          limitBytes,
          hint: "Raise maxBytes, or set oversize: 'map' for a region of its own.",
        },
      );
    }
    const slot = keeper.alone(bytes);
    if (this.ended) this.closedMeanwhile(slot.slab);
    const lease = new PooledBuffer(slot, bytes);
    if (this.clears || --this.watch.countdown <= 0) this.prepare(lease, slot, undefined, bytes);
    this.oversizeAcquires += 1;
    this.oversize += 1;
    if (++this.lent > this.peakLent) this.peakLent = this.lent;
    return lease;
  }

  /** By the provider or the budget, while they were asked for memory. */
  private closedMeanwhile(slab: Slab): never {
    this.keeper.give([slab]);
    throw poolClosed(this.name, 'acquire');
  }

  /** @internal Called by the lease, which has checked itself. */
  give(slot: Slot): void {
    slot.generation += 1;
    this.lent -= 1;
    const { watcher } = slot;
    if (this.plain && slot.classIndex !== -1) {
      const entry = this.keeper.classes[slot.classIndex] as SizeClass;
      entry.lent -= 1;
      entry.free.push(slot);
    } else {
      this.giveSlowly(slot);
    }
    if (watcher === null) return;
    slot.watcher = null;
    watcher.ended();
  }

  private giveSlowly(slot: Slot): void {
    const { keeper } = this;
    if (slot.classIndex === -1) {
      this.oversize -= 1;
      // What goes back to the system is zeros for the next one anyway.
      if (this.settings.zero === 'release' && slot.seen && keeper.source.dirty) this.wipe(slot);
      this.letAloneGo(slot);
      return;
    }
    const entry = keeper.classes[slot.classIndex] as SizeClass;
    const { slab } = slot;
    entry.lent -= 1;
    slot.dirty = true;
    if (this.settings.zero === 'release' && slot.seen) this.wipe(slot);
    if (this.ended) {
      this.leave(slot, entry);
      return;
    }
    if (this.fast || !slot.seen) {
      entry.free.push(slot);
      return;
    }
    slot.forgetViews();
    slab.spent += 1;
    if (slab.spent === slab.slots.length) keeper.renew(slab, entry);
  }

  /** Of a pool that was closed: its slab goes with the last of its loans. */
  private leave(slot: Slot, entry: SizeClass): void {
    const { slab } = slot;
    slot.forgetViews();
    slab.left -= 1;
    if (slab.left > 0) return;
    slab.loose = [];
    entry.drop([slab]);
    this.keeper.give([slab]);
  }

  private wipe(slot: Slot): void {
    try {
      slot.viewOf(slot.capacityBytes).fill(0);
    } catch {
      this.keeper.mishaps += 1; // freed by its owner: there is nothing left to wipe
    }
  }

  private letAloneGo(slot: Slot): void {
    this.keeper.give([slot.slab]);
  }

  // One timer while slabs are held. It does not keep the pool: a pool that is forgotten is collected with its memory.
  private startTimer(): void {
    const { decayMs, timers, clock } = this.settings;
    if (decayMs === null || this.timer !== undefined || this.ended) return;
    this.tickedMs = clock.nowMs();
    const pool = new WeakRef(this);
    this.timer = timers.start(() => pool.deref()?.tick(decayMs), decayMs);
  }

  private tick(decayMs: number): void {
    this.timer = undefined;
    if (this.ended) return;
    try {
      const passed = (this.settings.clock.nowMs() - this.tickedMs) / decayMs;
      const { bytes, left } = this.keeper.decay(Math.max(1, Math.floor(passed)));
      this.decayedBytes += bytes;
      if (left || this.keeper.stuck.size > 0) this.startTimer();
    } catch {
      this.keeper.mishaps += 1; // clock or timers: without them nothing decays until the next slab
    }
  }
}
