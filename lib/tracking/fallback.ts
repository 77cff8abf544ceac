import { SystemAllocator } from '../allocators';
import { type Allocator, type AllocatorStats, checkInteger, checkOptions, disposeAll, memoryError } from '../core';
import { AllocatorAdaptor, checkAllocator, isExhausted, nameIn, unwrap } from './base';

/** No single allocator has offsets above what 48 bits can name. */
const PLAIN_REACH = 2 ** 48;
const GREATEST_BASE = 2 ** 52;

/** Where the secondary's offsets begin. */
export interface FallbackOptions {
  /**
   * First offset of the secondary: a multiple of 4096, at least the capacity of the primary. Default 2^48, in nests more,
   * which a primary without a capacity needs, and a SystemAllocator with one, whose offsets only rise. A lower one is for
   * offsets that have to stay small.
   */
  readonly secondaryBase?: number;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
}

/**
 * Takes from the primary, and from the secondary what the primary has no room for. Both share one space of offsets: those
 * of the secondary are moved up by `secondaryBase`, and that tells at a free whose block it is. When both are full, the
 * secondary's error is thrown. Reset and disposal concern both; sizes, counters and capacities are sums.
 */
export class FallbackAllocator<
  P extends Allocator = Allocator,
  S extends Allocator = Allocator,
> extends AllocatorAdaptor<P> {
  /** Gets what the primary has no room for. */
  readonly secondary: S;
  /** First offset of the secondary's blocks. */
  readonly secondaryBase: number;
  private fallbacks = 0;
  private resets = 0;
  private peak: number;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(primary: P, secondary: S, options: FallbackOptions = {}) {
    super('fallback', primary, nameIn(options) ?? `fallback(${nameOf(primary)}, ${nameOf(secondary)})`);
    const given = checkOptions('FallbackAllocator', options, ['secondaryBase', 'name']);
    this.secondary = checkAllocator('FallbackAllocator: secondary', secondary);
    if ((primary as Allocator) === secondary) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', 'FallbackAllocator: primary and secondary are the same');
    }
    const base = checkInteger(
      'FallbackAllocator: secondaryBase',
      given.secondaryBase ?? reachOf(primary),
      4096,
      GREATEST_BASE,
    );
    if (base % 4096 !== 0) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `FallbackAllocator: secondaryBase must be a multiple of 4096, got ${base}`,
      );
    }
    const least = leastBase(primary);
    if (base < least) {
      throw memoryError(
        'ERR_MEMORY_OUT_OF_RANGE',
        `FallbackAllocator: secondaryBase must be above every offset of the primary, at least ${least}, got ${base}`,
        { requestedBytes: base, limitBytes: least, hint: 'Leave secondaryBase out: the default is above all of them.' },
      );
    }
    this.secondaryBase = base;
    this.peak = this.usedBytes;
  }

  /** Asked first; the same as `inner`. */
  get primary(): P {
    return this.inner;
  }

  /** Blocks that the secondary handed out because the primary was full. */
  get fallbackAllocations(): number {
    return this.fallbacks;
  }

  override allocate(byteLength: number, alignment?: number): number {
    const offset = this.fromPrimary(byteLength, alignment);
    if (offset !== -1) return offset;
    try {
      return this.fromSecondary(this.secondary.allocate(byteLength, alignment), byteLength);
    } catch (error) {
      if (isExhausted(error)) this.refused++;
      throw error;
    }
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    const offset = this.fromPrimary(byteLength, alignment);
    if (offset !== -1) return offset;
    const second = this.secondary.tryAllocate(byteLength, alignment);
    if (second !== -1) return this.fromSecondary(second, byteLength);
    this.refused++;
    return -1;
  }

  override deallocate(offset: number, byteLength: number): void {
    if (this.isMoved(offset)) this.secondary.deallocate(this.inSecondary('deallocate', offset), byteLength);
    else this.inner.deallocate(offset, byteLength);
  }

  override view(offset: number, byteLength: number): Uint8Array {
    if (this.isMoved(offset)) return this.secondary.view(this.inSecondary('view', offset), byteLength);
    return this.inner.view(offset, byteLength);
  }

  override owns(offset: number): boolean {
    return this.isMoved(offset) ? this.secondary.owns(offset - this.secondaryBase) : this.inner.owns(offset);
  }

  override reset(): void {
    this.inner.reset();
    this.secondary.reset();
    this.resets++;
  }

  override get usedBytes(): number {
    return this.inner.usedBytes + this.secondary.usedBytes;
  }

  override get capacityBytes(): number | null {
    const first = this.inner.capacityBytes;
    const second = this.secondary.capacityBytes;
    return first === null || second === null ? null : first + second;
  }

  override stats(): AllocatorStats {
    const first = this.inner.stats();
    const second = this.secondary.stats();
    return Object.freeze({
      name: this.name,
      allocations: first.allocations + second.allocations,
      deallocations: first.deallocations + second.deallocations,
      failures: this.refused,
      resets: this.resets,
      liveAllocations: first.liveAllocations + second.liveAllocations,
      usedBytes: first.usedBytes + second.usedBytes,
      peakUsedBytes: Math.max(this.peak, first.usedBytes + second.usedBytes),
      capacityBytes: this.capacityBytes,
      reservedBytes: first.reservedBytes + second.reservedBytes,
    });
  }

  protected override letGo(): void {
    disposeAll([this.inner, this.secondary]);
  }

  private fromPrimary(byteLength: number, alignment: number | undefined): number {
    const offset = this.inner.tryAllocate(byteLength, alignment);
    if (offset === -1) return -1;
    if (offset + byteLength > this.secondaryBase) {
      // Its bytes would share offsets with the secondary's: the room above the base cannot be used.
      this.inner.deallocate(offset, byteLength);
      return -1;
    }
    this.notePeak();
    return offset;
  }

  private fromSecondary(offset: number, byteLength: number): number {
    const moved = offset + this.secondaryBase;
    if (moved > Number.MAX_SAFE_INTEGER) {
      this.secondary.deallocate(offset, byteLength);
      throw memoryError(
        'ERR_MEMORY_OVERFLOW',
        `${this.name}: offset ${offset} + ${this.secondaryBase} passes 2^53 - 1`,
      );
    }
    this.fallbacks++;
    this.notePeak();
    return moved;
  }

  private notePeak(): void {
    const used = this.inner.usedBytes + this.secondary.usedBytes;
    if (used > this.peak) this.peak = used;
  }

  /** What is no number goes to the primary, which has the words for it. */
  private isMoved(offset: number): boolean {
    return typeof offset === 'number' && offset >= this.secondaryBase;
  }

  private inSecondary(method: string, offset: number): number {
    return checkInteger(`${this.where(method)}: offset`, offset) - this.secondaryBase;
  }
}

function nameOf(allocator: Allocator): string {
  return checkAllocator('FallbackAllocator', allocator).stats().name;
}

/** Where the secondary may begin: behind the primary, where its capacity tells where that ends. */
function leastBase(primary: Allocator): number {
  const reach = reachOf(primary);
  const isVirtual = reach > PLAIN_REACH || unwrap(primary) instanceof SystemAllocator;
  return isVirtual ? reach : (primary.capacityBytes ?? reach);
}

/** A bound above every offset of this allocator: a fallback inside of it has two spaces, or more. */
function reachOf(allocator: Allocator): number {
  let at = allocator;
  while (at instanceof AllocatorAdaptor) {
    if (at instanceof FallbackAllocator) return at.secondaryBase + reachOf(at.secondary);
    at = at.inner;
  }
  return PLAIN_REACH;
}
