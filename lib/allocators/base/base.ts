import { type Allocator, type AllocatorStats, formatBytes, INSPECT, type MemoryError, memoryError } from '../../core';
import { checkBlockAlignment, checkByteLength, checkOffset } from './arguments';
import type { Backing } from './source';

/** The largest request whose checks are done in 32-bit arithmetic; larger ones take the slow path. */
export const FAST_LIMIT = 2 ** 30;

/** What AllocatorBase.recipe() tells. */
export type Recipe = Readonly<Record<string, string | number>>;

/**
 * What all allocators share: names, counters, refusals and the end of life. The hot paths are the sub-classes' own.
 * Fields are plain and not private names, which cost more on Node 20; only sub-classes touch them.
 */
export abstract class AllocatorBase implements Allocator {
  /** Shown in errors and statistics. */
  readonly name: string;
  protected closed = false;
  /** True while the memory is let go of: that may run a provider, which is somebody else's code. */
  private ending = false;
  /** 1 where operations are counted, 0 where not: adding it costs less than asking. */
  protected readonly step: 0 | 1;
  protected allocations = 0;
  protected deallocations = 0;
  protected failures = 0;
  protected resets = 0;

  protected constructor(name: string, counting: boolean) {
    this.name = name;
    this.step = counting ? 1 : 0;
  }

  abstract allocate(byteLength: number, alignment?: number): number;
  abstract tryAllocate(byteLength: number, alignment?: number): number;
  abstract deallocate(offset: number, byteLength: number): void;
  abstract view(offset: number, byteLength: number): Uint8Array;
  abstract reset(): void;
  abstract owns(offset: number): boolean;
  abstract get usedBytes(): number;
  abstract get capacityBytes(): number | null;
  protected abstract get peakUsedBytes(): number;
  protected abstract get liveAllocations(): number;
  protected abstract get reservedBytes(): number;
  /** Lets go of the memory. Called once. */
  protected abstract letGo(): void;

  /** True once disposed: every call but `stats`, `owns` and the sizes throws ERR_MEMORY_CLOSED. */
  get disposed(): boolean {
    return this.closed;
  }

  /**
   * A snapshot. With `stats: false`, and so in the presets `production` and `performance`, `allocations`, `deallocations`,
   * `failures` and `resets` are not counted and 0; `liveAllocations`, `usedBytes`, the peak and the sizes are right always.
   */
  stats(): AllocatorStats {
    return Object.freeze({
      name: this.name,
      allocations: this.allocations,
      deallocations: this.deallocations,
      failures: this.failures,
      resets: this.resets,
      liveAllocations: this.liveAllocations,
      usedBytes: this.usedBytes,
      peakUsedBytes: this.peakUsedBytes,
      capacityBytes: this.capacityBytes,
      reservedBytes: this.reservedBytes,
    });
  }

  /**
   * @internal For recordings: the options that its counters depend on, enough to build it again. Of a budget or a provider
   * they tell that there is one.
   */
  recipe(): Recipe {
    return this.step === 0 ? { counters: 'off' } : {};
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & AllocatorStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  /** One line for util.inspect and console.log, in place of the bookkeeping. */
  [INSPECT](): string {
    const what = `${this.constructor.name} '${this.name}'`;
    if (this.closed) return `${what}: disposed`;
    const { usedBytes, capacityBytes, liveAllocations } = this.stats();
    const of = capacityBytes === null ? '' : ` of ${formatBytes(capacityBytes)}`;
    return `${what}: ${formatBytes(usedBytes)}${of} in use, ${liveAllocations} ${liveAllocations === 1 ? 'block' : 'blocks'}`;
  }

  /** Lets go of the memory: views of memory that it owned have length 0 afterwards. May be called again. */
  [Symbol.dispose](): void {
    if (this.closed) return;
    if (this.ending) {
      throw memoryError('ERR_MEMORY_INVALID_STATE', `${this.where('dispose')}: called by its own provider meanwhile`, {
        source: this.name,
      });
    }
    this.ending = true;
    try {
      this.letGo(); // may throw ERR_MEMORY_IN_USE for pinned memory: still open then
    } finally {
      this.ending = false;
    }
    this.closed = true;
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  protected where(method: string): string {
    return `${this.constructor.name}.${method}`;
  }

  protected closedError(method: string): MemoryError {
    return memoryError('ERR_MEMORY_CLOSED', `${this.where(method)}: the allocator was disposed before`, {
      source: this.name,
    });
  }

  /** Checks arguments anew, with words; returns when they are right, so that the caller goes on slowly. */
  protected checkRequest(method: string, byteLength: number, alignment: number): void {
    if (this.closed) throw this.closedError(method);
    checkByteLength(this.where(method), byteLength);
    checkBlockAlignment(this.where(method), alignment);
  }

  protected checkSpan(method: string, offset: number, byteLength: number): void {
    if (this.closed) throw this.closedError(method);
    checkOffset(this.where(method), offset);
    checkByteLength(this.where(method), byteLength);
  }

  /** The error of `allocate` where `tryAllocate` gives -1. `largest` bytes could be had from an empty allocator. */
  protected noRoom(
    byteLength: number,
    largest: number,
    code: 'ERR_MEMORY_ARENA_EXHAUSTED' | 'ERR_MEMORY_POOL_EXHAUSTED',
  ): MemoryError {
    const capacity = this.capacityBytes;
    const never = byteLength > largest;
    const free = capacity === null ? undefined : Math.max(0, capacity - this.usedBytes);
    const of = capacity === null ? '' : ` of ${formatBytes(capacity)}`;
    return memoryError(
      never ? 'ERR_MEMORY_TOO_LARGE' : code,
      never
        ? `${this.name}: a block of ${byteLength} bytes can never fit: the largest is ${largest} bytes`
        : `${this.name}: no room for ${byteLength} bytes: ${formatBytes(this.usedBytes)}${of} are in use`,
      {
        requestedBytes: byteLength,
        limitBytes: never ? largest : (capacity ?? undefined),
        availableBytes: free,
        source: this.name,
        hint: never
          ? 'Make the allocator larger, or take a region of its own for a block of this size.'
          : 'Free or reset what is no longer needed, make it larger, or put a FallbackAllocator around it.',
      },
    );
  }

  protected foreign(method: string, offset: number, why: string): MemoryError {
    return memoryError('ERR_MEMORY_FOREIGN_FREE', `${this.where(method)}: offset ${offset} ${why}`, {
      source: this.name,
      hint: 'Free only what this allocator handed out, with the offset as it was returned.',
    });
  }

  protected doubleFree(method: string, offset: number): MemoryError {
    return memoryError('ERR_MEMORY_DOUBLE_FREE', `${this.where(method)}: the block at ${offset} is free already`, {
      source: this.name,
      hint: 'Somebody keeps an offset after freeing it; a TrackedAllocator around this one tells who allocated it.',
    });
  }

  protected wrongSize(method: string, offset: number, byteLength: number, expected: string): MemoryError {
    return memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${this.where(method)}: the block at ${offset} was not allocated with ${byteLength} bytes, but with ${expected}`,
      { requestedBytes: byteLength, source: this.name, hint: 'Free with the size that was asked for.' },
    );
  }
}

/** A window over a backing, with the errors of this package. `limit` is the end of what may be seen. */
export function windowOf(where: string, backing: Backing, offset: number, byteLength: number): Uint8Array {
  const { buffer, region } = backing;
  // Freed by its owner under us: the buffer that we kept is empty.
  if (region.state === 'freed') {
    throw memoryError('ERR_MEMORY_FREED', `${where}: the region below the allocator was freed`);
  }
  if (buffer === null || buffer.byteLength === 0) return region.window(offset, byteLength);
  // Remapped or protected since: a local buffer is empty then, a shared one reads zeros.
  if (backing.mayMove && region.buffer !== buffer) return region.window(offset, byteLength);
  return new Uint8Array(buffer, offset, byteLength);
}
