import { SPAN_BYTES, slotsOf } from './shared-layout';

// Size classes of the shared heap: multiples of 64 bytes, so that no two blocks share a cache line; eight a doubling up
// to 8 KiB, then what cuts a span of 64 KiB into 7, 6, 5, 4, 3 and 2. Larger blocks are runs of spans.

export const SHARED_GRANULE_BYTES = 64;
export const LARGEST_SHARED_SMALL = SPAN_BYTES / 2;

function listSizes(): number[] {
  const sizes: number[] = [];
  for (let size = 64; size <= 512; size += 64) sizes.push(size);
  for (let base = 512; base < 8192; base *= 2) {
    for (let step = 1; step <= 8; step += 1) sizes.push(base + (base / 8) * step);
  }
  for (let parts = 7; parts >= 2; parts -= 1) sizes.push(Math.floor(SPAN_BYTES / parts / 64) * 64);
  return sizes;
}

export const SHARED_BYTES: Int32Array = Int32Array.from(listSizes());
export const SHARED_COUNT: number = SHARED_BYTES.length;
export const SHARED_INVERSE: Float64Array = Float64Array.from(SHARED_BYTES, (size) => 1 / size);
/** Blocks of a slab, by class. */
export const SHARED_SLOTS: Int32Array = Int32Array.from(SHARED_BYTES, slotsOf);
/** Class by `(byteLength + 63) >> 6`; 255 at 0. */
export const SHARED_CLASSES: Uint8Array = (() => {
  const table = new Uint8Array(LARGEST_SHARED_SMALL / 64 + 1).fill(255);
  let current = 0;
  for (let granules = 1; granules < table.length; granules += 1) {
    while ((SHARED_BYTES[current] as number) < granules * 64) current += 1;
    table[granules] = current;
  }
  return table;
})();

/** The least class that holds `byteLength` and whose blocks are all aligned; -1 for a run of spans. */
export function sharedClassOf(byteLength: number, alignment: number): number {
  const rounded = Math.ceil(byteLength / alignment) * alignment;
  if (rounded > LARGEST_SHARED_SMALL) return -1;
  let index = SHARED_CLASSES[(rounded + 63) >> 6] as number;
  while ((SHARED_BYTES[index] as number) % alignment !== 0) index += 1;
  return index;
}

/** True when a request of that size can have been given a block of this class at this offset, for some alignment. */
export function mayBeOfClass(byteLength: number, offset: number, index: number): boolean {
  for (let alignment = 1; alignment <= 4096 && offset % alignment === 0; alignment *= 2) {
    if (sharedClassOf(byteLength, alignment) === index) return true;
  }
  return false;
}
