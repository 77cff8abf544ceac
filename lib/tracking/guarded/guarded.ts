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
    const span = spanOf(block);
    if (span > this.settings.quarantineBytes) this.freeAtOnce(block, bytes);
    else {
      while (this.quarantine.bytes + span > this.settings.quarantineBytes) this.evict(where);
      this.fillFreed(bytes, block);
      paintGuards(bytes, block); // a damage that was told is not told again
      this.quarantine.push(block);
    }
    this.book.leave(offset);
    this.told.delete(offset);
    this.deallocations++;
    this.used -= span;
  }

  /** @throws ERR_MEMORY_CORRUPTION once for damage that nobody was told of; nothing is reset then */
  override reset(): void {
    if (!this.closed) this.tellAll(this.where('reset'));
    super.reset();
  }

  /** Every damage there is now, in blocks that live and in those held back. Throws nothing and changes nothing. */
  inspect(): Damage[] {
    const { freedFill } = this.settings;
    const found: (Damage | null)[] = this.liveBlocks().map((block) => findDamage(this.bytesOf(block), block, null));
    for (const block of this.quarantine.all()) found.push(findDamage(this.bytesOf(block), block, freedFill));
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
    while (this.quarantine.size > 0) this.evict(this.where('drain'));
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
    let damages: Damage[] = [];
    try {
      damages = this.inspect().filter((damage) => !this.told.has(damage.offset));
    } catch (error) {
      if (!isMemoryError(error)) throw error; // the memory is gone already: nothing is left to verify
    }
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
    while (start === -1 && this.quarantine.size > 0) {
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

  private freeAtOnce(block: GuardedBlock, bytes: Uint8Array): void {
    const { freedFill } = this.settings;
    const start = block.offset - block.front;
    if (freedFill === null) {
      this.inner.deallocate(start, spanOf(block));
      return;
    }
    const kept = bytes.slice();
    this.fillFreed(bytes, block);
    try {
      this.inner.deallocate(start, spanOf(block));
    } catch (error) {
      bytes.set(kept); // refused, as out of order in a stack: the block lives on
      throw error;
    }
  }

  private evict(where: string): void {
    const block = this.quarantine.oldest;
    if (block === undefined) return;
    const damage = findDamage(this.bytesOf(block), block, this.settings.freedFill);
    this.inner.deallocate(block.offset - block.front, spanOf(block));
    this.quarantine.shift();
    const isTold = this.told.delete(block.offset);
    if (damage !== null && !isTold) throw this.corruption(where, damage, 1);
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
