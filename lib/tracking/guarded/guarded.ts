import { type Allocator, type AllocatorStats, alignUp, isMemoryError, type MemoryError, memoryError } from '../../core';
import { AllocatorAdaptor, BlockBook, isExhausted, nameIn } from '../base';
import { type Damage, describeDamage, findDamage, type GuardedBlock, paintGuards } from './canary';
import { type GuardedOptions, type GuardedSettings, readGuardedOptions } from './options';
import { Quarantine, spanOf } from './quarantine';

/** Alignments that are not asked for stay what the inner allocator gives, up to this. */
const LEAST_FRONT = 16;

/**
 * Finds stray writes: guard bytes before and behind every block are verified when it is freed, by `check()`, and at reset
 * and disposal; freed blocks are filled and held back, so that a write after a free is found when they leave quarantine.
 * What it knows of the blocks stands outside of their bytes, so no stray write can mislead it.
 *
 * ERR_MEMORY_CORRUPTION names the block and the byte. A damage is told once: after the error the same call goes through, so
 * a damaged block can still be freed and a damaged allocator reset. `dispose` lets go of the memory first and throws then.
 *
 * Blocks cost their guards more, and fills and checks cost time in proportion to their size: for tests and debugging. Only
 * blocks of this very adaptor can be freed through it. Over an allocator that frees newest-first only (a stack), use
 * `quarantineBytes: 0`: held-back blocks would leave in the wrong order.
 */
export class GuardedAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  private readonly settings: GuardedSettings;
  private readonly book = new BlockBook();
  private readonly quarantine = new Quarantine();
  /** Offsets of blocks whose damage was told. */
  private readonly told = new Set<number>();
  private allocations = 0;
  private deallocations = 0;
  private used = 0;
  private peak = 0;
  /** Resets and disposals so far: what was read from the books before one is of no use after it. */
  private clearings = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: GuardedOptions = {}) {
    super('guarded', inner, nameIn(options));
    this.settings = readGuardedOptions(options);
  }

  /** Freed bytes that are held back now, guards included. */
  get quarantinedBytes(): number {
    return this.quarantine.bytes;
  }

  override allocate(byteLength: number, alignment?: number): number {
    return this.take('allocate', byteLength, alignment, false);
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    return this.take('tryAllocate', byteLength, alignment, true);
  }

  override deallocate(offset: number, byteLength: number): void {
    this.checkSpan('deallocate', offset, byteLength);
    const where = this.where('deallocate');
    const slot = this.book.table.find(offset);
    if (slot === -1) throw this.book.unknown(where, this.name, offset);
    this.book.checkSize(where, this.name, slot, byteLength, '');
    const block = this.blockAt(slot);
    const bytes = this.bytesOf(block);
    this.tell(where, findDamage(bytes, block, null));
    const { clearings } = this;
    const span = spanOf(block);
    // Out of the books first: a free below may run somebody else's code, which may be given this very place.
    this.book.leave(offset);
    const wasTold = this.told.delete(offset);
    this.deallocations++;
    this.used -= span;
    try {
      this.putAway(where, block, bytes);
    } catch (error) {
      if (this.clearings === clearings) {
        this.book.enter(offset, byteLength, block.front, block.rear);
        if (wasTold) this.told.add(offset);
        this.deallocations--;
        this.used += span;
      }
      throw error;
    }
  }

  /** @throws ERR_MEMORY_CORRUPTION once for damage that nobody was told of; nothing is reset then */
  override reset(): void {
    if (!this.closed) this.tellAll(this.where('reset'));
    super.reset();
  }

  /** Every damage there is now, in blocks that live and in those held back. Throws nothing and changes nothing. */
  inspect(): Damage[] {
    const { freedFill } = this.settings;
    const found = this.liveBlocks().map((block) => this.damageOf(block, null));
    for (const block of this.quarantine.all()) found.push(this.damageOf(block, freedFill));
    return found.filter((damage) => damage !== null);
  }

  /** @throws ERR_MEMORY_CORRUPTION for the first damage, told before or not */
  check(): void {
    const damages = this.inspect();
    const [first] = damages;
    if (first !== undefined) throw this.corruption(this.where('check'), first, damages.length);
  }

  /** Gives everything that is held back to the inner allocator. @throws ERR_MEMORY_CORRUPTION for a write after a free */
  drain(): void {
    // So many and not until it is empty: what is freed from inside of a free is held back anew, perhaps each time.
    for (let left = this.quarantine.size; left > 0; left--) this.evict(this.where('drain'));
  }

  /** False for guard bytes and for blocks that are held back. */
  override owns(offset: number): boolean {
    if (!this.inner.owns(offset)) return false;
    const { table } = this.book;
    if (table.find(offset) !== -1) return true;
    for (let slot = 0; slot < table.slots; slot++) {
      const start = table.offsetAt(slot);
      if (start !== -1 && offset >= start && offset < start + (table.sizes[slot] ?? 0)) return true;
    }
    return false;
  }

  /** Bytes of live blocks with their guards; what is held back counts as free. */
  override get usedBytes(): number {
    return this.used;
  }

  override stats(): AllocatorStats {
    return Object.freeze({
      ...super.stats(),
      allocations: this.allocations,
      deallocations: this.deallocations,
      failures: this.refused,
      liveAllocations: this.book.table.count,
      usedBytes: this.used,
      peakUsedBytes: this.peak,
    });
  }

  protected override letGo(): void {
    const damages = this.inspect().filter((damage) => !this.told.has(damage.offset));
    super.letGo();
    const [first] = damages;
    if (first === undefined) return;
    this.closed = true;
    this.onCleared();
    throw this.corruption(this.where('dispose'), first, damages.length);
  }

  protected override onCleared(): void {
    this.book.clear();
    this.quarantine.clear();
    this.told.clear();
    this.used = 0;
    this.clearings++;
  }

  protected override onPartlyCleared(): void {
    const isGone = ({ offset, front }: GuardedBlock) => !this.inner.owns(offset - front);
    for (const block of this.liveBlocks().filter(isGone)) {
      this.book.leave(block.offset);
      this.told.delete(block.offset);
      this.used -= spanOf(block);
    }
    const held = this.quarantine.all();
    const gone = new Set(held.filter(isGone));
    this.quarantine.clear();
    for (const block of held) {
      if (gone.has(block)) this.told.delete(block.offset);
      else this.quarantine.push(block);
    }
  }

  private take(method: string, byteLength: number, alignment: number | undefined, trying: boolean): number {
    this.checkRequest(method, byteLength, alignment);
    const rear = this.settings.canaryBytes;
    const front = rear === 0 ? 0 : alignUp(rear, Math.max(alignment ?? 1, LEAST_FRONT));
    this.book.table.prepare();
    const span = Math.min(front + byteLength + rear, Number.MAX_SAFE_INTEGER);
    let start = this.inner.tryAllocate(span, alignment);
    if (start === -1) start = this.takeFromQuarantine(this.where(method), span, alignment);
    if (start === -1) {
      if (trying) {
        this.refused++;
        return -1;
      }
      start = this.takeOrExplain(byteLength, span, alignment);
    }
    const block = { offset: start + front, byteLength, front, rear };
    const bytes = this.bytesOrNothing(block);
    const { allocatedFill } = this.settings;
    if (allocatedFill !== null) bytes.fill(allocatedFill, front, front + byteLength);
    paintGuards(bytes, block);
    this.book.enter(block.offset, byteLength, front, rear);
    this.allocations++;
    if ((this.used += span) > this.peak) this.peak = this.used;
    return block.offset;
  }

  /** Held-back blocks must not make an allocator look full. */
  private takeFromQuarantine(where: string, span: number, alignment: number | undefined): number {
    const capacity = this.capacityBytes;
    if (capacity !== null && span > capacity) return -1;
    let start = -1;
    for (let left = this.quarantine.size; start === -1 && left > 0; left--) {
      this.evict(where);
      start = this.inner.tryAllocate(span, alignment);
    }
    return start;
  }

  private takeOrExplain(byteLength: number, span: number, alignment: number | undefined): number {
    try {
      return this.inner.allocate(span, alignment);
    } catch (error) {
      if (!isMemoryError(error) || !isExhausted(error)) throw error;
      this.refused++;
      const { code, message, hint, limitBytes, availableBytes, retryable } = error;
      throw memoryError(code, `${this.name}: no ${byteLength} bytes with ${span - byteLength} of guards: ${message}`, {
        ...{ requestedBytes: byteLength, limitBytes, availableBytes, hint, retryable },
        source: this.name,
        cause: error,
      });
    }
  }

  /** Into quarantine, or where it is too small to the inner allocator. */
  private putAway(where: string, block: GuardedBlock, bytes: Uint8Array): void {
    const { clearings, quarantine } = this;
    const most = this.settings.quarantineBytes - spanOf(block);
    for (let left = quarantine.size; left > 0 && most >= 0 && quarantine.bytes > most; left--) this.evict(where);
    if (this.clearings !== clearings) return; // somebody's reset or disposal inside of an eviction took it along
    if (quarantine.bytes > most) {
      this.freeAtOnce(block, bytes);
      return;
    }
    this.fillFreed(bytes, block);
    paintGuards(bytes, block); // a damage that was told is not told again
    quarantine.push(block);
  }

  private freeAtOnce(block: GuardedBlock, bytes: Uint8Array): void {
    const { freedFill } = this.settings;
    const start = block.offset - block.front;
    if (freedFill === null) {
      this.inner.deallocate(start, spanOf(block));
      return;
    }
    const { clearings } = this;
    const kept = bytes.slice();
    this.fillFreed(bytes, block);
    try {
      this.inner.deallocate(start, spanOf(block));
    } catch (error) {
      if (this.clearings === clearings) bytes.set(kept); // refused, as out of order in a stack: the block lives on
      throw error;
    }
  }

  private evict(where: string): void {
    const block = this.quarantine.oldest;
    if (block === undefined) return;
    const { clearings } = this;
    const bytes = this.reach(block);
    const isGone = isMemoryError(bytes) && bytes.code === 'ERR_MEMORY_FREED';
    if (isMemoryError(bytes) && !isGone) throw bytes;
    const damage = isMemoryError(bytes) ? null : findDamage(bytes, block, this.settings.freedFill);
    // Taken out first: the free may run somebody else's code, which may be given this place or make the next one leave.
    this.quarantine.shift();
    const wasTold = this.told.delete(block.offset);
    try {
      this.inner.deallocate(block.offset - block.front, spanOf(block));
    } catch (error) {
      if (isGone) return; // as its memory is
      if (this.clearings === clearings) {
        this.quarantine.putBack(block);
        if (wasTold) this.told.add(block.offset);
      }
      throw error;
    }
    if (damage !== null && !wasTold) throw this.corruption(where, damage, 1);
  }

  private tell(where: string, damage: Damage | null): void {
    if (damage === null || this.told.has(damage.offset)) return;
    this.told.add(damage.offset);
    throw this.corruption(where, damage, 1);
  }

  private tellAll(where: string): void {
    const damages = this.inspect().filter((damage) => !this.told.has(damage.offset));
    for (const { offset } of damages) this.told.add(offset);
    const [first] = damages;
    if (first !== undefined) throw this.corruption(where, first, damages.length);
  }

  private corruption(where: string, damage: Damage, count: number): MemoryError {
    const more = count > 1 ? `; ${count - 1} more blocks are damaged` : '';
    return memoryError('ERR_MEMORY_CORRUPTION', `${where}: ${describeDamage(damage)}${more}`, {
      source: this.name,
      hint: 'Somebody wrote past a block or through a view of a freed one; a TrackedAllocator outside names its place.',
    });
  }

  private fillFreed(bytes: Uint8Array, { front, byteLength }: GuardedBlock): void {
    const { freedFill } = this.settings;
    if (freedFill !== null) bytes.fill(freedFill, front, front + byteLength);
  }

  /** Null as well for a block that cannot be reached, as when its memory was freed below: nothing is to be seen there. */
  private damageOf(block: GuardedBlock, freedFill: number | null): Damage | null {
    const bytes = this.reach(block);
    return isMemoryError(bytes) ? null : findDamage(bytes, block, freedFill);
  }

  private reach(block: GuardedBlock): Uint8Array | MemoryError {
    try {
      return this.bytesOf(block);
    } catch (error) {
      if (isMemoryError(error)) return error;
      throw error;
    }
  }

  private bytesOf(block: GuardedBlock): Uint8Array {
    return this.inner.view(block.offset - block.front, spanOf(block));
  }

  /** Of a block that was taken just now: it goes back when it cannot be reached, as over a region that was freed. */
  private bytesOrNothing(block: GuardedBlock): Uint8Array {
    try {
      return this.bytesOf(block);
    } catch (error) {
      try {
        this.inner.deallocate(block.offset - block.front, spanOf(block));
      } catch {} // the first error tells more
      throw error;
    }
  }

  private blockAt(slot: number): GuardedBlock {
    const { table } = this.book;
    return {
      offset: table.offsetAt(slot),
      byteLength: table.sizes[slot] ?? 0,
      front: table.first[slot] ?? 0,
      rear: table.second[slot] ?? 0,
    };
  }

  private liveBlocks(): GuardedBlock[] {
    const blocks: GuardedBlock[] = [];
    const { table } = this.book;
    for (let slot = 0; slot < table.slots; slot++) if (table.offsetAt(slot) !== -1) blocks.push(this.blockAt(slot));
    return blocks.sort((a, b) => a.offset - b.offset);
  }
}
