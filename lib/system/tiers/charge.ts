// What a block is charged to a budget: what it occupies. For most that is a size class of the heap or whole pages: a pure
// function of the size that is asked for, and constant within each class, so that a free with another size of the same
// class, which a heap lets pass, gives back exactly what was taken. Where an alignment or the tier takes more, the tier
// keeps what was charged with the block.

const LARGEST_SMALL = 32 * 1024;
const PAGE = 4096;

function classes(): number[] {
  const sizes: number[] = [];
  for (let size = 16; size <= 128; size += 16) sizes.push(size);
  for (let base = 128; base < LARGEST_SMALL; base *= 2) {
    for (let step = 1; step <= 8; step += 1) sizes.push(base + (base / 8) * step);
  }
  return sizes;
}

/** Charged bytes by `(byteLength + 15) >> 4`, for sizes up to {@link LARGEST_CHARGED_BY_TABLE}. */
export const CHARGES: Uint16Array = (() => {
  const table = new Uint16Array(LARGEST_SMALL / 16 + 1);
  const sizes = classes();
  let at = 0;
  for (let granules = 1; granules < table.length; granules += 1) {
    while ((sizes[at] as number) < granules * 16) at += 1;
    table[granules] = sizes[at] as number;
  }
  return table;
})();

export const LARGEST_CHARGED_BY_TABLE: number = LARGEST_SMALL;

/** Bytes that a block of that size is charged; at most 12 % more than it, or a page. */
export function chargeOf(byteLength: number): number {
  return byteLength <= LARGEST_SMALL
    ? (CHARGES[(byteLength + 15) >> 4] as number)
    : Math.ceil(byteLength / PAGE) * PAGE;
}

/** What is charged before a block is taken: with an alignment above 16 the room that it needs is part of it. */
export function chargeBefore(byteLength: number, alignment: number): number {
  return chargeOf(alignment <= 16 ? byteLength : Math.ceil(byteLength / alignment) * alignment);
}
