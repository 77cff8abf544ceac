import { bookArray } from '../base';
import { PageRuns } from './page-runs';
import { CLASS_BYTES, CLASS_COUNT, HEAP_PAGE_BYTES, pagesFor, slabPages, slotsIn } from './size-classes';

// A slab's record is one stretch of `records`, so that an allocation touches two cache lines of bookkeeping: the head,
// and the word of the bitmap. Record 0 is never a slab's.

/** Fields of a record. A set bit in the bitmap is a free block; a set bit in SUMMARY is a word with a free block. */
export const FIRST_PAGE = 0;
export const CLASS = 1;
export const SUMMARY = 2;
export const LIVE = 3;
export const NEXT = 4;
export const PREVIOUS = 5;
export const PAGES = 6;
export const SLOTS = 7;
export const BITMAP = 8;
export const RECORD_WORDS = 40;

/**
 * The slabs over a run of pages, and the large blocks among them. `map` tells for each page what lies there: a
 * record's position for every page of a slab, minus the number of pages at the first page of a large block, else 0.
 */
export class Slabs {
  readonly runs: PageRuns;
  readonly map: Int32Array;
  /** The slab of each class to take from first, 0 for none: heads of lists of slabs with free blocks. */
  readonly heads = new Int32Array(CLASS_COUNT);
  /** The slab of each class that was kept when it ran empty, 0 for none: it may be in use again. */
  private readonly spares = new Int32Array(CLASS_COUNT);
  records: Int32Array = new Int32Array(RECORD_WORDS * 16);
  /** A bit a block, as BITMAP: it was given out for a smaller size with a larger alignment. Null until one was. */
  odd: Int32Array | null = null;
  private readonly preferred: Int32Array;
  private end = RECORD_WORDS;
  private unused = 0;

  constructor(pages: number) {
    this.runs = new PageRuns(pages);
    this.map = bookArray(Int32Array, pages);
    this.preferred = slabPages(pages);
  }

  /** Bookkeeping that was touched; arrays are made for the whole capacity, and the system makes them present in use. */
  get metadataBytes(): number {
    const { runs, heads, spares, end, odd } = this;
    const lists = heads.byteLength + spares.byteLength;
    return runs.metadataBytes + runs.everUsed * 4 + lists + end * 4 + (odd?.byteLength ?? 0);
  }

  /** A new slab of a class, at the head of its list; 0 where there are no pages for even one block. */
  add(index: number): number {
    const size = CLASS_BYTES[index] as number;
    const least = pagesFor(size);
    let pages = this.preferred[index] as number;
    const record = this.newRecord();
    if (record === 0) return 0;
    let page = this.runs.acquire(pages);
    while (page < 0 && pages > least) {
      pages = Math.max(least, pages >> 1);
      page = this.runs.acquire(pages);
    }
    const { records } = this;
    if (page < 0) {
      records[record + NEXT] = this.unused;
      this.unused = record;
      return 0;
    }
    const slots = slotsIn(pages, size);
    const words = (slots + 31) >> 5;
    records[record + FIRST_PAGE] = page;
    records[record + CLASS] = index;
    records[record + SUMMARY] = -1 >>> (32 - words);
    records[record + LIVE] = 0;
    records[record + PAGES] = pages;
    records[record + SLOTS] = slots;
    for (let word = 0; word < words; word += 1) records[record + BITMAP + word] = -1;
    this.odd?.fill(0, record + BITMAP, record + BITMAP + words); // left behind by frees with a wrong size
    if ((slots & 31) !== 0) records[record + BITMAP + words - 1] = (1 << (slots & 31)) - 1;
    this.map.fill(record, page, page + pages);
    this.link(index, record);
    return record;
  }

  /** Puts a slab at the head of its list: those lately full are filled first, so that others can run empty. */
  link(index: number, record: number): void {
    const { records } = this;
    const head = this.heads[index] as number;
    records[record + NEXT] = head;
    records[record + PREVIOUS] = 0;
    if (head !== 0) records[head + PREVIOUS] = record;
    this.heads[index] = record;
  }

  unlink(index: number, record: number): void {
    const { records } = this;
    const next = records[record + NEXT] as number;
    const previous = records[record + PREVIOUS] as number;
    if (next !== 0) records[next + PREVIOUS] = previous;
    if (previous !== 0) records[previous + NEXT] = next;
    else this.heads[index] = next;
  }

  /** Gives an empty slab's pages back, unless it is the only one of its class with free blocks. */
  dropIfSpare(index: number, record: number): void {
    if (this.records[record + NEXT] !== 0 || this.records[record + PREVIOUS] !== 0) this.drop(index, record);
    else this.spares[index] = record;
  }

  /**
   * Gives the pages of every empty slab back; returns how many slabs there were. A class has at most one, and every refusal
   * asks: so it looks at those that were kept, and not through the lists.
   */
  dropEmpty(): number {
    let dropped = 0;
    for (let index = 0; index < CLASS_COUNT; index += 1) {
      const record = this.spares[index] as number;
      if (record === 0 || this.records[record + LIVE] !== 0) continue;
      this.drop(index, record);
      dropped += 1;
    }
    return dropped;
  }

  reset(): void {
    this.runs.reset();
    this.map.fill(0, 0, this.runs.everUsed);
    this.heads.fill(0);
    this.spares.fill(0);
    this.records = new Int32Array(RECORD_WORDS * 16);
    this.odd = null;
    this.end = RECORD_WORDS;
    this.unused = 0;
  }

  /** The bit of a block in `odd`. */
  isOdd(record: number, slot: number): boolean {
    return this.odd !== null && ((this.odd[record + BITMAP + (slot >>> 5)] as number) & (1 << slot)) !== 0;
  }

  /** Makes `odd`, where there is none; false where JavaScript has no room for it. */
  makeOdd(): boolean {
    this.odd ??= arrayOrNull(this.records.length);
    return this.odd !== null;
  }

  setOdd(record: number, slot: number, odd: boolean): void {
    if (this.odd === null) return;
    const at = record + BITMAP + (slot >>> 5);
    if (odd) this.odd[at] = (this.odd[at] as number) | (1 << slot);
    else this.odd[at] = (this.odd[at] as number) & ~(1 << slot);
  }

  private drop(index: number, record: number): void {
    this.unlink(index, record);
    if (this.spares[index] === record) this.spares[index] = 0;
    const page = this.records[record + FIRST_PAGE] as number;
    const pages = this.records[record + PAGES] as number;
    this.map.fill(0, page, page + pages);
    this.runs.release(page, pages);
    this.records[record + NEXT] = this.unused;
    this.records[record + PAGES] = 0;
    this.unused = record;
  }

  // 0 where JavaScript has no room for more.
  private newRecord(): number {
    if (this.unused !== 0) {
      const record = this.unused;
      this.unused = this.records[record + NEXT] as number;
      return record;
    }
    const record = this.end;
    if (record + RECORD_WORDS > this.records.length) {
      const larger = arrayOrNull(this.records.length * 2);
      const odd = this.odd === null ? null : arrayOrNull(this.records.length * 2);
      if (larger === null || (odd === null && this.odd !== null)) return 0;
      larger.set(this.records);
      this.records = larger;
      if (this.odd !== null) odd?.set(this.odd);
      this.odd = odd;
    }
    this.end = record + RECORD_WORDS;
    return record;
  }
}

function arrayOrNull(words: number): Int32Array | null {
  try {
    return new Int32Array(words);
  } catch {
    return null;
  }
}

/** Where a slot's block begins. */
export function slotOffset(records: Int32Array, record: number, slot: number): number {
  const size = CLASS_BYTES[records[record + CLASS] as number] as number;
  return (records[record + FIRST_PAGE] as number) * HEAP_PAGE_BYTES + slot * size;
}
