// The books: what the process holds by the kernel's account and by the package's own, and when that is wrong.
import { readdirSync, readFileSync } from 'node:fs';

const PAGE = 4096;
/** ASan's runtime replaces munlock() by a function that does nothing. */
export const MUNLOCK_WORKS = process.env.NEBULA_TEST_UNDER !== 'asan';
/** V8's heap and malloc breathe. */
export const RSS_TOLERANCE = 48 * 2 ** 20;
/** A V8 heap and the arenas of two workers come and go in steps of sixty. */
export const MAPS_TOLERANCE = 256;

const lockedKiB = () => Number(/^VmLck:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0);

export function books(memory) {
  const { regions, mappedBytes, retiredRanges, quarantinedRanges, abandonedRanges, mappings } = memory.totals();
  return {
    rss: Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * PAGE,
    maps: readFileSync('/proc/self/maps', 'latin1').split('\n').length,
    files: readdirSync('/proc/self/fd').length,
    lockedBytes: lockedKiB() * 1024,
    regions,
    mappedBytes,
    retiredRanges,
    quarantinedRanges,
    abandonedRanges,
    mappings,
  };
}

const isQuiet = ({ regions, mappedBytes, retiredRanges, quarantinedRanges }) =>
  regions + mappedBytes + retiredRanges + quarantinedRanges === 0;

/** Collects and drains until nothing is left, or for some seconds; gives the books then. */
export async function settled(memory) {
  for (let i = 0; i < 4000; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, i < 20 ? 0 : 10));
    memory.drainQuarantine({ all: true });
    if (isQuiet(memory.totals())) break;
  }
  globalThis.gc();
  return books(memory);
}

/** Collects until that frees no more regions: those that the soak dropped on purpose have gone then. */
export async function collectDropped(memory) {
  let { regions } = memory.totals();
  for (let same = 0; same < 5; same++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = memory.totals().regions;
    if (now !== regions) same = 0;
    regions = now;
  }
}

/** Regions that are still there without a collection, once timers have had their time. */
export async function leftOver(memory) {
  for (let i = 0; i < 3000 && memory.totals().regions > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  return memory.totals().regions;
}

/** What is wrong with a process in which everything was given back, compared with how it was before. */
export function wrongWhenQuiet(start, end) {
  const wrong = [];
  if (!isQuiet(end)) wrong.push('the books are not empty');
  if (end.rss - start.rss > RSS_TOLERANCE) wrong.push(`RSS grew by ${end.rss - start.rss} bytes`);
  // A worker that is terminated over a view that may have been moved elsewhere leaves its addresses behind, by design.
  const abandoned = end.abandonedRanges - start.abandonedRanges;
  if (end.maps - start.maps - abandoned > MAPS_TOLERANCE) {
    wrong.push(`${end.maps - start.maps} more lines in /proc/self/maps`);
  }
  if (end.files !== start.files) wrong.push(`${end.files - start.files} more descriptors`);
  if (MUNLOCK_WORKS && end.lockedBytes > start.lockedBytes) {
    wrong.push(`${end.lockedBytes - start.lockedBytes} bytes left locked`);
  }
  return wrong;
}

/** What is wrong in mid-course, when `held` regions of ours are alive and workers hold some of them as well. */
export function wrongMeanwhile(start, now, held) {
  const wrong = [];
  const allowed = start.rss + RSS_TOLERANCE + now.mappedBytes;
  if (now.rss > allowed)
    wrong.push(`RSS is ${now.rss} bytes with ${now.mappedBytes} mapped, ${start.rss} at the start`);
  if (now.regions < held) wrong.push(`${now.regions} regions in the books, ${held} held`);
  // A region that was split by protection or advice has some mappings more, all of them in the package's count.
  const lines = start.maps + MAPS_TOLERANCE + now.mappings + now.abandonedRanges;
  if (now.maps > lines) wrong.push(`${now.maps} lines in /proc/self/maps, ${lines} can be explained`);
  if (now.files > start.files + now.regions + 16) wrong.push(`${now.files} descriptors with ${now.regions} regions`);
  return wrong;
}
