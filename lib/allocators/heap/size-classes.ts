// Small blocks come in size classes: 16-byte steps up to 128 bytes, then eight classes a doubling, so that rounding up
// loses 4 % in the mean. A class's blocks lie side by side in slabs of whole pages.

/** Unit of the page runs, and the alignment of every slab and large block. */
export const HEAP_PAGE_BYTES = 4096;
export const HEAP_PAGE_SHIFT = 12;

/** Every small block begins on such a boundary. */
export const GRANULE_BYTES = 16;
const GRANULE_SHIFT = 4;

/** Larger blocks are page runs of their own. */
export const LARGEST_SMALL_BYTES = 32 * 1024;

/** A slab's free bitmap has one summary word, so 32 words of 32 bits. */
export const MAX_SLOTS = 1024;
/** Fewer blocks of the largest classes would make slabs come and go; more would leave more of them unused. */
const LEAST_SLOTS = 4;

function listSizes(): number[] {
  const sizes: number[] = [];
  for (let size = GRANULE_BYTES; size <= 128; size += GRANULE_BYTES) sizes.push(size);
  for (let base = 128; base < LARGEST_SMALL_BYTES; base *= 2) {
    for (let step = 1; step <= 8; step += 1) sizes.push(base + (base / 8) * step);
  }
  return sizes;
}

/** Bytes of a block, by class. */
export const CLASS_BYTES: Int32Array = Int32Array.from(listSizes());
export const CLASS_COUNT: number = CLASS_BYTES.length;

/** 1 / CLASS_BYTES: `((relative + 0.5) * inverse) | 0` is the exact quotient for every offset inside a slab. */
export const CLASS_INVERSE: Float64Array = Float64Array.from(CLASS_BYTES, (size) => 1 / size);

/** In CLASS_OF_GRANULES where no class is. */
export const NO_CLASS = 255;

/** Class of a request, by `(byteLength + 15) >> 4`; NO_CLASS at 0, where what is no size ends up. */
export const CLASS_OF_GRANULES: Uint8Array = (() => {
  const table = new Uint8Array((LARGEST_SMALL_BYTES >> GRANULE_SHIFT) + 1);
  let current = 0;
  table[0] = NO_CLASS;
  for (let granules = 1; granules < table.length; granules += 1) {
    while ((CLASS_BYTES[current] as number) < granules << GRANULE_SHIFT) current += 1;
    table[granules] = current;
  }
  return table;
})();

/** The class of a size from 1 to LARGEST_SMALL_BYTES. */
export function classOf(byteLength: number): number {
  return CLASS_OF_GRANULES[(byteLength + GRANULE_BYTES - 1) >> GRANULE_SHIFT] as number;
}

/** The least class that holds `byteLength` and whose blocks are all aligned; -1 where only a page run is. */
export function alignedClassOf(byteLength: number, alignment: number): number {
  const rounded = Math.ceil(byteLength / alignment) * alignment;
  if (rounded > LARGEST_SMALL_BYTES) return -1;
  let index = classOf(rounded);
  while ((CLASS_BYTES[index] as number) % alignment !== 0) index += 1; // the next power of two always fits
  return index;
}

/** Pages that hold `byteLength` bytes. */
export function pagesFor(byteLength: number): number {
  return Math.ceil(byteLength / HEAP_PAGE_BYTES);
}

/** Blocks in a slab of so many pages. */
export function slotsIn(pages: number, blockBytes: number): number {
  return Math.min(MAX_SLOTS, Math.floor((pages * HEAP_PAGE_BYTES) / blockBytes));
}

/** The fewest pages, from `leastPages` on, of which at most 1/64 is left over, else those with the least left over. */
function pagesOfSlab(blockBytes: number, leastPages: number): number {
  const start = Math.max(leastPages, Math.ceil((LEAST_SLOTS * blockBytes) / HEAP_PAGE_BYTES));
  let best = start;
  let least = 1;
  for (let pages = start; pages < start * 2 && least > 1 / 64; pages += 1) {
    const bytes = pages * HEAP_PAGE_BYTES;
    const left = 1 - (slotsIn(pages, blockBytes) * blockBytes) / bytes;
    if (left < least) [best, least] = [pages, left];
  }
  return best;
}

/**
 * Pages of each class's slabs. Heaps below 4 MiB use the smallest slabs, so that few blocks of many sizes fit.
 */
export function slabPages(heapPages: number): Int32Array {
  const roomy = heapPages >= 1024;
  return Int32Array.from(CLASS_BYTES, (size) => (roomy ? pagesOfSlab(size, 4) : Math.max(1, pagesFor(size))));
}
