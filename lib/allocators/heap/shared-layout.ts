import { spanTableWords } from './span-table';

/** Unit of the shared heap: a slab, or a part of a large block. */
export const SPAN_BYTES = 64 * 1024;

/** Words of a span's bitmaps: which blocks are free, and which stay when their owner ends. */
export const BITMAP_WORDS = 32;
export const RECORD_WORDS = 2 * BITMAP_WORDS;

export function slotsOf(blockBytes: number): number {
  return Math.floor(SPAN_BYTES / blockBytes);
}

/** Own words of a shared heap's bookkeeping. */
export function heapWords(spans: number): number {
  return spanTableWords(spans) + spans + spans * RECORD_WORDS;
}

/** A word of a bitmap with all of its blocks free. */
export function fullWord(slots: number, word: number): number {
  const left = slots - word * 32;
  return left >= 32 ? -1 : (1 << left) - 1;
}

export function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
