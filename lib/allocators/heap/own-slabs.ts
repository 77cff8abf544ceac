import { SHARED_COUNT, SHARED_SLOTS } from './shared-classes';
import { BITMAP_WORDS } from './shared-layout';
import type { SharedSlabs } from './shared-slabs';

/** Slabs that are looked at before a new one is claimed: the cost of an allocation stays bounded. */
const LOOKS = 8;

/**
 * The slabs that one attachment owns, by class. Only hints of its own: the states in shared memory are the truth, and all
 * of this can be thrown away at any time.
 */
export class OwnSlabs {
  private readonly slabs: SharedSlabs;
  private readonly lists: number[][] = [];
  private readonly cursors = new Int32Array(SHARED_COUNT);
  /** The word of the current slab's bitmap to look at first. */
  private readonly wordHints = new Int32Array(SHARED_COUNT);
  private readonly currents = new Int32Array(SHARED_COUNT).fill(-1);
  /** Position of a span in its list. */
  private readonly positions: Int32Array;

  constructor(slabs: SharedSlabs) {
    this.slabs = slabs;
    this.positions = new Int32Array(slabs.table.spans);
    for (let index = 0; index < SHARED_COUNT; index += 1) this.lists.push([]);
  }

  forget(): void {
    this.currents.fill(-1);
    for (const list of this.lists) list.length = 0;
  }

  /** The slab to take from, or -1. */
  current(index: number): number {
    return this.currents[index] as number;
  }

  /** A free block of a slab that is ours, now taken; -1 when it has none. */
  takeSlot(index: number, span: number): number {
    const { words } = this.slabs;
    const bitmap = this.slabs.bitmapAt(span);
    const slots = SHARED_SLOTS[index] as number;
    const count = (slots + 31) >> 5;
    let word = this.wordHints[index] as number;
    for (let left = count; left > 0; left -= 1) {
      if (word >= count) word = 0;
      const bits = words[bitmap + word] as number;
      if (bits !== 0) {
        const low = bits & -bits;
        const kept = bitmap + BITMAP_WORDS + word;
        if (words[kept] !== 0) Atomics.and(words, kept, ~low);
        Atomics.and(words, bitmap + word, ~low);
        this.wordHints[index] = word;
        const slot = (word << 5) + 31 - Math.clz32(low);
        if (slot < slots) return slot;
        left += 1; // a bit behind the last block was written by somebody else and is gone now: look again
        continue;
      }
      word += 1;
    }
    return -1;
  }

  /** Makes another slab with free blocks the current one: an own one, one of nobody's, a new one; -1 for none. */
  next(index: number, owner: number): number {
    const least = Math.max(1, (SHARED_SLOTS[index] as number) >> 3);
    let span = this.search(index, LOOKS, least);
    if (span < 0) span = this.add(index, owner);
    if (span < 0) span = this.search(index, (this.lists[index] as number[]).length, 1);
    if (span < 0) return -1;
    this.currents[index] = span;
    this.wordHints[index] = 0;
    return span;
  }

  /** After a free into an own slab: one that is empty and not in use goes back to all. */
  noteFree(index: number, span: number, owner: number): void {
    if (span === this.currents[index] || !this.slabs.isEmpty(span)) return;
    this.drop(index, span, owner);
  }

  /** Gives every empty slab back; returns how many there were. */
  retireEmpty(owner: number): number {
    let retired = 0;
    for (let index = 0; index < SHARED_COUNT; index += 1) {
      const list = this.lists[index] as number[];
      for (let at = list.length - 1; at >= 0; at -= 1) {
        const span = list[at] as number;
        if (!this.slabs.isEmpty(span)) continue;
        this.drop(index, span, owner);
        retired += 1;
      }
    }
    this.slabs.retireOrphans(owner);
    return retired;
  }

  private add(index: number, owner: number): number {
    const { slabs } = this;
    let span = slabs.adopt(index, owner);
    if (span < 0) {
      span = slabs.table.claim(1, owner);
      if (span < 0) return -1;
      slabs.begin(span, index, owner);
    }
    const list = this.lists[index] as number[];
    this.positions[span] = list.length;
    list.push(span);
    return span;
  }

  private search(index: number, looks: number, least: number): number {
    const list = this.lists[index] as number[];
    for (let look = Math.min(looks, list.length); look > 0; look -= 1) {
      const at = ((this.cursors[index] as number) + 1) % list.length;
      this.cursors[index] = at;
      const span = list[at] as number;
      if (this.slabs.freeBlocks(span) >= least) return span;
    }
    return -1;
  }

  private drop(index: number, span: number, owner: number): void {
    const list = this.lists[index] as number[];
    const at = this.positions[span] as number;
    const last = list[list.length - 1] as number;
    if (list[at] === span) {
      list[at] = last;
      this.positions[last] = at;
      list.length -= 1;
    }
    if (this.currents[index] === span) this.currents[index] = -1;
    this.slabs.retire(span, owner);
  }
}
