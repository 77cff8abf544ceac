import { type ByteSize, describe, memoryError, parseBytes } from '../../core';

/** Buffers begin at multiples of this, so that no two share a line of the processor's cache. */
const GRANULE = 64;
const MOST_CLASSES = 256;

function round(bytes: number): number {
  return Math.ceil(bytes / GRANULE) * GRANULE;
}

/**
 * Four sizes a doubling: 256, 320, 384, 448, 512, 640 and so on. A buffer is at most 25 % larger than what was asked for
 * (less than 20 % of it is unused), 8 % on average over all sizes; below the smallest class everything gets that one.
 */
function quarterSteps(minBytes: number, maxBytes: number): number[] {
  const sizes: number[] = [];
  for (let base = 2 ** Math.floor(Math.log2(minBytes)); base <= maxBytes; base *= 2) {
    for (let quarter = 4; quarter < 8; quarter++) {
      const bytes = round((base / 4) * quarter);
      if (bytes >= minBytes && bytes < maxBytes && bytes > (sizes.at(-1) ?? 0)) sizes.push(bytes);
    }
  }
  sizes.push(round(maxBytes));
  return sizes;
}

/**
 * The sizes of a pool's buffers, ascending, each a multiple of 64.
 *
 * @param given sizes that the user named; undefined for quarter steps
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
 */
export function classSizes(
  where: string,
  given: readonly ByteSize[] | undefined,
  minBytes: number,
  maxBytes: number,
): readonly number[] {
  if (given === undefined) return quarterSteps(minBytes, maxBytes);
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_CLASSES) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: classes must be an array of 1 to ${MOST_CLASSES} sizes, got ${describe(given)}`,
    );
  }
  const sizes: number[] = [];
  for (const size of given as readonly ByteSize[]) {
    const bytes = round(parseBytes(size, `${where}: classes`, { minBytes: 1, maxBytes: 2 ** 30 }));
    if (bytes <= (sizes.at(-1) ?? 0)) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `${where}: classes must ascend by 64 bytes or more, got ${bytes}`,
      );
    }
    sizes.push(bytes);
  }
  return sizes;
}
