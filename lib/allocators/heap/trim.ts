import { isMemoryError } from '../../core';
import type { Region } from '../../platform';
import type { PageRuns } from './page-runs';
import { HEAP_PAGE_BYTES } from './size-classes';

function decommit(region: Region, offset: number, length: number): number {
  try {
    return region.decommit({ offset, length });
  } catch (error) {
    // Huge pages of the pools cannot be given back in part: nothing was.
    if (isMemoryError(error) && error.code === 'ERR_MEMORY_UNSUPPORTED') return 0;
    throw error;
  }
}

/**
 * Gives the pages of free runs back to the system, all but `keepBytes` of them; returns the bytes given back. Pages
 * that were never handed out since the last time are left alone.
 */
export function trimRuns(runs: PageRuns, region: Region, keepBytes: number): number {
  let excess = runs.dirtyFreeBytes() - keepBytes;
  let given = 0;
  for (const page of runs.freeRuns()) {
    const end = page + (runs.lengths[page] as number);
    for (let at = page; at < end && excess > 0; ) {
      const [from, to] = runs.dirtySpan(at, end);
      const bytes = decommit(region, from * HEAP_PAGE_BYTES, (to - from) * HEAP_PAGE_BYTES);
      at = to;
      if (bytes === 0) continue;
      runs.markClean(from, to - from);
      given += bytes;
      excess -= bytes;
    }
    if (excess <= 0) break;
  }
  return given;
}
