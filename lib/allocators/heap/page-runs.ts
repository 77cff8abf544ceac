import { bookArray } from '../base';
import { HEAP_PAGE_BYTES } from './size-classes';

// Runs of pages, free ones joined at once by boundary tags and found by size bins: in constant time, but for long ones that
// are about as long as what is asked for. All of it lies in arrays beside the memory, which the system makes present where
// they are touched.

const FINE_LOG = 9;
const FINE = 2 ** FINE_LOG; // runs below this have a bin for each length, longer ones eight bins a doubling
const BINS = FINE + (30 - FINE_LOG) * 8;
const WORDS = Math.ceil(BINS / 32); // at most 32: `summary` has a bit for each

function binOf(pages: number): number {
  if (pages < FINE) return pages;
  const log = 31 - Math.clz32(pages);
  return FINE + (log - FINE_LOG) * 8 + ((pages >>> (log - 3)) & 7);
}

/** The first bin of which every run is long enough. */
function binFor(pages: number): number {
  if (pages < FINE) return pages;
  const bin = binOf(pages);
  const log = 31 - Math.clz32(pages);
  return (pages & ((1 << (log - 3)) - 1)) === 0 ? bin : bin + 1;
}

/** Hands out runs of whole pages, any length, in any order. Pages are numbered from 0. */
export class PageRuns {
  readonly pages: number;
  /** Free pages. */
  free: number;
  /** No page from here on was ever handed out. */
  everUsed = 0;
  /** Length of a free run at its first and at its last page; 0 everywhere else. */
  readonly lengths: Int32Array;
  /** A bit a page: a run, free or not, begins there. */
  readonly starts: Int32Array;
  /** A bit a page: it may be present in memory. */
  readonly dirty: Int32Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly heads = new Int32Array(BINS).fill(-1);
  /** A bit a bin: it holds a run. */
  private readonly filled = new Int32Array(WORDS);
  /** A bit a word of `filled`: it is not 0. */
  private summary = 0;
  /** No run of a bin of several lengths is longer than this. */
  private readonly longestIn = new Int32Array(BINS);

  constructor(pages: number) {
    this.pages = pages;
    this.free = 0;
    this.lengths = bookArray(Int32Array, pages);
    this.next = bookArray(Int32Array, pages);
    this.previous = bookArray(Int32Array, pages);
    this.starts = new Int32Array((pages + 31) >>> 5);
    this.dirty = new Int32Array((pages + 31) >>> 5);
    this.insert(0, pages);
    this.free = pages;
  }

  /** Bookkeeping that was touched: lengths, both links and two bits a page, as far as pages were ever used. */
  get metadataBytes(): number {
    return Math.ceil(this.everUsed * 12.25) + this.heads.byteLength * 2 + this.filled.byteLength;
  }

  /** First page of a run of `pages`, or -1. */
  acquire(pages: number): number {
    if (pages > this.free) return -1;
    let page = this.firstFrom(binFor(pages));
    if (page < 0) page = this.search(pages);
    if (page < 0) return -1;
    const length = this.lengths[page] as number;
    this.remove(page, length);
    if (length > pages) this.insert(page + pages, length - pages);
    this.starts[page >>> 5] = (this.starts[page >>> 5] as number) | (1 << page);
    this.markDirty(page, pages);
    this.free -= pages;
    if (page + pages > this.everUsed) this.everUsed = page + pages;
    return page;
  }

  /** Takes a run back and joins it with its free neighbors. */
  release(page: number, pages: number): void {
    let first = page;
    let length = pages;
    this.free += pages;
    const before = page > 0 ? (this.lengths[page - 1] as number) : 0;
    if (before > 0) {
      this.remove(page - before, before);
      this.starts[page >>> 5] = (this.starts[page >>> 5] as number) & ~(1 << page);
      first -= before;
      length += before;
    }
    const end = page + pages;
    const after = end < this.pages ? (this.lengths[end] as number) : 0;
    if (after > 0) {
      this.remove(end, after);
      this.starts[end >>> 5] = (this.starts[end >>> 5] as number) & ~(1 << end);
      length += after;
    }
    this.insert(first, length);
  }

  /** Everything is free again; what may be present stays known. */
  reset(): void {
    this.lengths.fill(0, 0, Math.min(this.pages, this.everUsed + 1));
    this.lengths[this.pages - 1] = 0;
    this.starts.fill(0);
    this.heads.fill(-1);
    this.filled.fill(0);
    this.summary = 0;
    this.longestIn.fill(0);
    this.insert(0, this.pages);
    this.free = this.pages;
  }

  /** Pages of the longest free run. */
  longest(): number {
    if (this.summary === 0) return 0;
    const word = 31 - Math.clz32(this.summary);
    const bin = (word << 5) + 31 - Math.clz32(this.filled[word] as number);
    if (bin < FINE) return bin;
    let longest = 0;
    for (let at = this.heads[bin] as number; at >= 0; at = this.next[at] as number) {
      longest = Math.max(longest, this.lengths[at] as number);
    }
    return longest;
  }

  /** Where the run begins that `page` belongs to. */
  startOf(page: number): number {
    let word = page >>> 5;
    let bits = (this.starts[word] as number) & (-1 >>> (31 - (page & 31)));
    while (bits === 0) {
      word -= 1;
      bits = this.starts[word] as number; // page 0 always begins a run
    }
    return (word << 5) + 31 - Math.clz32(bits);
  }

  /** First pages of all free runs, the longest ones last. */
  *freeRuns(): Generator<number> {
    for (const head of this.heads) {
      for (let at = head; at >= 0; at = this.next[at] as number) yield at;
    }
  }

  /** Bytes in free pages that may be present. */
  dirtyFreeBytes(): number {
    let pages = 0;
    for (const page of this.freeRuns()) {
      const end = page + (this.lengths[page] as number);
      for (let [from, to] = this.dirtySpan(page, end); from < end; [from, to] = this.dirtySpan(to, end)) {
        pages += to - from;
      }
    }
    return pages * HEAP_PAGE_BYTES;
  }

  /** The first stretch of pages in [from, end) that may be present; [end, end] where there is none. */
  dirtySpan(from: number, end: number): [number, number] {
    const first = this.seek(from, end, 0);
    return [first, this.seek(first, end, -1)];
  }

  markClean(page: number, pages: number): void {
    this.mark(page, pages, 0);
  }

  // The first page in [from, end) whose dirty bit differs from that of `pattern` (0: none set, -1: all set).
  private seek(from: number, end: number, pattern: 0 | -1): number {
    if (from >= end) return end;
    let word = from >>> 5;
    let bits = ((this.dirty[word] as number) ^ pattern) & (-1 << (from & 31));
    const last = (end - 1) >>> 5;
    while (bits === 0 && word < last) {
      word += 1;
      bits = (this.dirty[word] as number) ^ pattern;
    }
    return bits === 0 ? end : Math.min(end, (word << 5) + 31 - Math.clz32(bits & -bits));
  }

  private markDirty(page: number, pages: number): void {
    this.mark(page, pages, -1);
  }

  private mark(page: number, pages: number, value: 0 | -1): void {
    const end = page + pages;
    const firstMask = -1 << (page & 31);
    const lastMask = -1 >>> (31 - ((end - 1) & 31));
    const first = page >>> 5;
    const last = (end - 1) >>> 5;
    if (first === last) {
      this.put(first, firstMask & lastMask, value);
      return;
    }
    this.put(first, firstMask, value);
    if (last > first + 1) this.dirty.fill(value, first + 1, last);
    this.put(last, lastMask, value);
  }

  private put(word: number, mask: number, value: 0 | -1): void {
    this.dirty[word] = ((this.dirty[word] as number) & ~mask) | (value & mask);
  }

  private firstFrom(bin: number): number {
    if (bin >= BINS) return -1;
    let word = bin >>> 5;
    let bits = (this.filled[word] as number) & (-1 << (bin & 31));
    if (bits === 0) {
      const words = this.summary & (-2 << word); // those above
      if (words === 0) return -1;
      word = 31 - Math.clz32(words & -words);
      bits = this.filled[word] as number;
    }
    return this.heads[(word << 5) + 31 - Math.clz32(bits & -bits)] as number;
  }

  // Last resort when all longer bins are empty: runs of the request's own bin, which may or may not be long enough. They
  // are 2 MiB long at least, so there are 512 a GiB at most.
  private search(pages: number): number {
    if (pages < FINE) return -1; // its own bin was asked already
    const bin = binOf(pages);
    if ((this.longestIn[bin] as number) < pages) return -1;
    for (let at = this.heads[bin] as number; at >= 0; at = this.next[at] as number) {
      if ((this.lengths[at] as number) >= pages) return at;
    }
    this.longestIn[bin] = pages - 1; // so that the next refusal costs nothing
    return -1;
  }

  private insert(page: number, length: number): void {
    const bin = binOf(length);
    const head = this.heads[bin] as number;
    this.lengths[page] = length;
    this.lengths[page + length - 1] = length;
    this.starts[page >>> 5] = (this.starts[page >>> 5] as number) | (1 << page);
    this.next[page] = head;
    this.previous[page] = -1;
    if (head >= 0) this.previous[head] = page;
    this.heads[bin] = page;
    this.filled[bin >>> 5] = (this.filled[bin >>> 5] as number) | (1 << bin);
    this.summary |= 1 << (bin >>> 5);
    if (length >= FINE && length > (this.longestIn[bin] as number)) this.longestIn[bin] = length;
  }

  private remove(page: number, length: number): void {
    const next = this.next[page] as number;
    const previous = this.previous[page] as number;
    if (next >= 0) this.previous[next] = previous;
    if (previous >= 0) this.next[previous] = next;
    else {
      const bin = binOf(length);
      this.heads[bin] = next;
      if (next < 0) {
        const bits = (this.filled[bin >>> 5] as number) & ~(1 << bin);
        this.filled[bin >>> 5] = bits;
        if (bits === 0) this.summary &= ~(1 << (bin >>> 5));
      }
    }
    this.lengths[page] = 0;
    this.lengths[page + length - 1] = 0;
  }
}
