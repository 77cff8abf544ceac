/** Words of a page of bits, and how many granules they tell of. */
const PAGE_WORDS = 1024;
const PAGE_GRANULES = PAGE_WORDS * 32;

/**
 * Which blocks of a shared bump were freed, in shared bookkeeping: a bit for each granule in which a block can begin, and
 * one for each page of them that is not zero, so that starting afresh touches no other. Of several frees of one block
 * exactly one is the first. A page's bit is set before and cleared after those in it: whoever ends in between has left
 * a page to clear that is zero already.
 */
export class SharedFreedBits {
  private readonly words: Int32Array;
  private readonly pages: number;
  private readonly granules: number;
  /** First word of the pages' bits, and of the granules'. */
  private readonly summary: number;
  private readonly bits: number;

  constructor(words: Int32Array, first: number, granules: number) {
    this.words = words;
    this.granules = granules;
    this.pages = Math.ceil(granules / PAGE_GRANULES);
    this.summary = first;
    this.bits = first + Math.ceil(this.pages / 32);
  }

  /** Words that so many granules need. */
  static wordsFor(granules: number): number {
    return Math.ceil(Math.ceil(granules / PAGE_GRANULES) / 32) + Math.ceil(granules / 32);
  }

  /** Notes a free. False for a block that was freed before. */
  mark(granule: number): boolean {
    const { words } = this;
    const page = Math.floor(granule / PAGE_GRANULES);
    const at = this.summary + (page >>> 5);
    const dirty = 1 << (page & 31);
    if (((words[at] ?? 0) & dirty) === 0) Atomics.or(words, at, dirty);
    const bit = 1 << (granule & 31);
    return (Atomics.or(words, this.bits + (granule >>> 5), bit) & bit) === 0;
  }

  /** Forgets what was freed from a granule on. Nobody else may be inside a call. */
  clearFrom(granule: number): void {
    if (granule >= this.granules) return;
    const { words } = this;
    const first = Math.floor(granule / PAGE_GRANULES);
    for (let page = first; page < this.pages; page += 1) {
      const at = this.summary + (page >>> 5);
      const state = Atomics.load(words, at);
      if (state === 0) {
        page |= 31; // none of these 32
        continue;
      }
      const dirty = 1 << (page & 31);
      if ((state & dirty) === 0) continue;
      const end = this.bits + Math.min((page + 1) * PAGE_WORDS, Math.ceil(this.granules / 32));
      if (page > first || granule === page * PAGE_GRANULES) {
        words.fill(0, this.bits + page * PAGE_WORDS, end);
        Atomics.and(words, at, ~dirty);
        continue;
      }
      const from = this.bits + (granule >>> 5);
      Atomics.and(words, from, (1 << (granule & 31)) - 1);
      words.fill(0, from + 1, end);
    }
  }
}
