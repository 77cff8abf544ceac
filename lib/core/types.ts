/** How full something is. All in bytes; the values hold for one reading each, not jointly. */
export interface MemoryUsage {
  /** Bytes handed out, with alignment and size-class rounding. */
  readonly usedBytes: number;
  /** Bytes it can hand out in all; null without a bound of its own. */
  readonly capacityBytes: number | null;
}

/** Counters of an allocator since its construction; they stop at 2^53 - 1 instead of wrapping. */
export interface AllocatorStats {
  readonly name: string;
  /** Successful allocations. */
  readonly allocations: number;
  readonly deallocations: number;
  /** Requests that were refused, by throwing or by -1. */
  readonly failures: number;
  readonly resets: number;
  /** Blocks handed out and not yet given back. */
  readonly liveAllocations: number;
  readonly usedBytes: number;
  readonly peakUsedBytes: number;
  readonly capacityBytes: number | null;
  /** Bytes held from the provider or the operating system, in use or not. */
  readonly reservedBytes: number;
}

/** What the lower steps need to know of a region of operating-system memory. */
export interface RegionLike {
  readonly byteLength: number;
  /** A view over the whole region; its length is 0 once the region is freed. */
  readonly bytes: Uint8Array;
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  free(): void;
}

/** Coarse memory: whole mappings from the operating system. */
export interface RegionProvider<R extends RegionLike = RegionLike> {
  readonly name: string;
  /** Granularity of what it hands out, in bytes. */
  readonly pageBytes: number;
  /** A region of at least `byteLength` bytes, rounded up to pages. Throws a MemoryError. */
  acquire(byteLength: number): R;
  /** Takes back a region of this provider. Throws ERR_MEMORY_FOREIGN_FREE or ERR_MEMORY_DOUBLE_FREE. */
  release(region: R): void;
  /** Gives cached memory back to the operating system, all but `keepBytes` (default 0); returns the bytes given back. */
  trim(keepBytes?: number): number;
}

/** Fine memory: offsets inside memory that was got from a provider or a region. */
export interface Allocator extends MemoryUsage, Disposable {
  /** An offset in bytes. Throws a MemoryError when there is no room. */
  allocate(byteLength: number, alignment?: number): number;
  /** An offset in bytes, or -1 when there is no room. Throws for invalid arguments like `allocate`. */
  tryAllocate(byteLength: number, alignment?: number): number;
  /** Gives back what `allocate` returned, with the size that was asked for. */
  deallocate(offset: number, byteLength: number): void;
  /** A zero-copy window. */
  view(offset: number, byteLength: number): Uint8Array;
  /** Gives everything back at once. */
  reset(): void;
  /** True for an offset inside a block that is handed out by this allocator. */
  owns(offset: number): boolean;
  stats(): AllocatorStats;
}
