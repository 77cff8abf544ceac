import { bookArray } from '../base';

/** Words of a page: bits for so many granules. */
const PAGE_WORDS = 1024;
const PAGE_GRANULES = PAGE_WORDS * 32;

/** Bits of one stretch of offsets. Those of another round are old: the words are cleared when they are needed again. */
interface Page {
  readonly words: Int32Array;
  round: number;
  /** One past the last word that is not zero. */
  high: number;
}

/**
 * Which blocks of a bump were freed: a bit for each granule in which a block can begin. Nothing is written here when
 * blocks are handed out, and starting afresh takes constant time. Memory: a 64th of the stretches in which something was
 * freed, with granules of 8 bytes, in steps of 4 KiB.
 */
export class FreedBits {
  private readonly shift: number;
  private readonly pageBytes: number;
  private readonly pages = new Map<number, Page>();
  private round = 0;
  /** The page that was looked at last. */
  private current: Page | undefined;
  private currentIndex = -1;
  /** No bit is set from this offset on. */
  private end = 0;

  /** @param leastBytes no two blocks begin less than this apart */
  constructor(leastBytes: number) {
    this.shift = 31 - Math.clz32(leastBytes);
    this.pageBytes = PAGE_GRANULES * 2 ** this.shift;
  }

  /** True for a block that was freed before. */
  has(offset: number): boolean {
    if (offset >= this.end) return false;
    const index = Math.floor(offset / this.pageBytes);
    const page = index === this.currentIndex ? this.current : this.pages.get(index);
    if (page === undefined || page.round !== this.round) return false;
    const granule = (offset - index * this.pageBytes) >>> this.shift;
    return ((page.words[granule >>> 5] ?? 0) & (1 << (granule & 31))) !== 0;
  }

  /** @throws ERR_MEMORY_OUT_OF_MEMORY where JavaScript has no room for a page of bits; nothing is noted then */
  set(offset: number): void {
    const index = Math.floor(offset / this.pageBytes);
    let page = this.current;
    if (index !== this.currentIndex || page === undefined) page = this.open(index);
    if (page.round !== this.round) {
      clearWords(page.words, 0, page.high);
      page.high = 0;
      page.round = this.round;
    }
    const granule = (offset - index * this.pageBytes) >>> this.shift;
    const word = granule >>> 5;
    page.words[word] = (page.words[word] ?? 0) | (1 << (granule & 31));
    if (word >= page.high) page.high = word + 1;
    if (offset >= this.end) this.end = offset + 1;
  }

  /** Forgets what was freed from an offset on: blocks begin there anew. */
  truncate(offset: number): void {
    if (offset >= this.end) return;
    if (offset === 0) {
      this.end = 0;
      this.round += 1;
      return;
    }
    const first = Math.floor(offset / this.pageBytes);
    const last = Math.floor((this.end - 1) / this.pageBytes);
    this.end = offset;
    const page = this.pages.get(first);
    if (page !== undefined && page.round === this.round) {
      clearFrom(page, (offset - first * this.pageBytes) >>> this.shift);
    }
    if (last - first < this.pages.size) {
      for (let index = first + 1; index <= last; index += 1) outdate(this.pages.get(index));
    } else {
      for (const [index, old] of this.pages) if (index > first) outdate(old);
    }
  }

  private open(index: number): Page {
    let page = this.pages.get(index);
    if (page === undefined) {
      page = { words: bookArray(Int32Array, PAGE_WORDS), round: this.round, high: 0 };
      this.pages.set(index, page);
    }
    this.current = page;
    this.currentIndex = index;
    return page;
  }
}

// A loop is faster than fill() for a few words, and most rounds free little.
function clearWords(words: Int32Array, from: number, end: number): void {
  if (end - from > 32) words.fill(0, from, end);
  else for (let at = from; at < end; at += 1) words[at] = 0;
}

function clearFrom(page: Page, granule: number): void {
  const word = granule >>> 5;
  if (word >= page.high) return;
  page.words[word] = (page.words[word] ?? 0) & ((1 << (granule & 31)) - 1);
  clearWords(page.words, word + 1, page.high);
  page.high = word + 1;
}

function outdate(page: Page | undefined): void {
  if (page !== undefined) page.round = -1;
}
