import { isMemoryError } from '../../core';
import type { Region } from '../../platform';

// Up to here a page more or less does not matter, and asking which are there costs as much as writing them.
const SMALL_BYTES = 256 * 1024;
// More separate runs than this are not worth a call each.
const MOST_RUNS = 64;

/** True where pages can be given back one by one and read zeros afterwards, and nobody was promised that they are there. */
export function canDecommit(region: Region): boolean {
  const { got, asked } = region.placement;
  const kind = region.kind;
  if (kind !== 'anonymous' && kind !== 'shared') return false;
  return !asked.populate && !asked.lock && !got.locked && !got.numaVerified && /^(base|thp)$/.test(got.pages);
}

/**
 * Makes the first `byteLength` bytes zeros. Pages that are there are overwritten, which is ten times faster than new ones;
 * those that are not are not brought in for it.
 */
export function clear(region: Region, byteLength: number): void {
  if (byteLength <= SMALL_BYTES || !canDecommit(region)) {
    region.zero({ length: byteLength });
    return;
  }
  let present: { readonly pageBytes: number; readonly pages: Uint8Array; readonly residentBytes: number };
  try {
    present = region.residency({ length: byteLength });
  } catch (error) {
    if (!isMemoryError(error) || error.category !== 'unsupported') throw error;
    region.zero({ length: byteLength });
    return;
  }
  const { pages, pageBytes, residentBytes } = present;
  const runs = runsOf(pages);
  if (runs.length > MOST_RUNS) {
    if (residentBytes * 2 > byteLength) region.zero({ length: byteLength });
    else region.decommit({ length: byteLength });
    return;
  }
  for (const { start, end, there } of runs) {
    const offset = start * pageBytes;
    const length = Math.min(end * pageBytes, byteLength) - offset;
    if (there) region.zero({ offset, length });
    else region.decommit({ offset, length }); // a page that is not there can be in swap, with its bytes
  }
}

function runsOf(pages: Uint8Array): { start: number; end: number; there: boolean }[] {
  const runs: { start: number; end: number; there: boolean }[] = [];
  let start = 0;
  for (let i = 1; i <= pages.length; i++) {
    if (i < pages.length && ((pages[i] ?? 0) & 1) === ((pages[start] ?? 0) & 1)) continue;
    runs.push({ start, end: i, there: ((pages[start] ?? 0) & 1) === 1 });
    start = i;
    if (runs.length > MOST_RUNS) break;
  }
  return runs;
}
