import { formatBytes, type MemoryError, memoryError } from '../../core';
import { HEAP_PAGE_BYTES } from './size-classes';
import type { Slabs } from './slabs';

/** Where a heap's memory is. All in bytes but for the counts and ratios. */
export interface HeapFragmentation {
  /** Handed out, rounded up to size classes and pages. */
  readonly usedBytes: number;
  /** In slabs and large blocks: pages that serve something. `heldBytes - usedBytes` waits in slabs for their sizes. */
  readonly heldBytes: number;
  /** In free page runs. */
  readonly freeBytes: number;
  /** The longest free run: the largest block that can be had. */
  readonly largestFreeBytes: number;
  /** How many free runs there are. */
  readonly freeRuns: number;
  /** Part of `freeBytes` that may still be present in memory: what `trim()` would give back, without empty slabs. */
  readonly dirtyBytes: number;
  /** Bookkeeping that was touched, in typed arrays beside the memory. */
  readonly metadataBytes: number;
  /** 1 - usedBytes / heldBytes: 0 when every slab is full. */
  readonly slabLossRatio: number;
  /** 1 - largestFreeBytes / freeBytes: 0 when all free pages are in one run. */
  readonly runLossRatio: number;
}

/** Where the memory of a heap is. O(free runs). */
export function fragmentationOf(slabs: Slabs, usedBytes: number): HeapFragmentation {
  const { runs } = slabs;
  const freeBytes = runs.free * HEAP_PAGE_BYTES;
  const heldBytes = (runs.pages - runs.free) * HEAP_PAGE_BYTES;
  const largestFreeBytes = runs.longest() * HEAP_PAGE_BYTES;
  let freeRuns = 0;
  for (const page of runs.freeRuns()) freeRuns += page >= 0 ? 1 : 0;
  return Object.freeze({
    usedBytes,
    heldBytes,
    freeBytes,
    largestFreeBytes,
    freeRuns,
    dirtyBytes: runs.dirtyFreeBytes(),
    metadataBytes: slabs.metadataBytes,
    slabLossRatio: heldBytes === 0 ? 0 : 1 - usedBytes / heldBytes,
    runLossRatio: freeBytes === 0 ? 0 : 1 - largestFreeBytes / freeBytes,
  });
}

/** The error of a block that would fit an empty heap: what slabs hold for other sizes, and runs that are too short, are no room. */
export function noRunError(name: string, slabs: Slabs, usedBytes: number, byteLength: number): MemoryError {
  const { runs } = slabs;
  const capacity = runs.pages * HEAP_PAGE_BYTES;
  const longest = runs.longest() * HEAP_PAGE_BYTES;
  const unused = formatBytes((runs.pages - runs.free) * HEAP_PAGE_BYTES - usedBytes);
  const used = `${formatBytes(usedBytes)} of ${formatBytes(capacity)} are in use`;
  return memoryError(
    'ERR_MEMORY_ARENA_EXHAUSTED',
    `${name}: no room for ${byteLength} bytes: ${used}, ${unused} more lie in slabs of one size each, the longest free run has ${formatBytes(longest)}`,
    {
      requestedBytes: byteLength,
      limitBytes: capacity,
      availableBytes: longest,
      source: name,
      hint: 'Free what is no longer needed, make it larger, or put a FallbackAllocator around it.',
    },
  );
}
