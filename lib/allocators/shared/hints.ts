/**
 * A tree of bits over numbered items, for many threads at once: where to look for a free item. The bits are hints and
 * decide nothing. A bit of level 0 stands for an item; a bit of a higher level for a word of the level below that is not
 * zero. Finding costs one word a level, whatever the number of items.
 *
 * Whoever clears a bit of level 0 by `take` must go on to claim the item, or to find that it is taken. Who ends in
 * between has lost a hint; `repair` by the truth brings it back.
 */
export class Hints {
  readonly items: number;
  private readonly words: Int32Array;
  /** First word of each level. */
  private readonly bases: readonly number[];
  private readonly counts: readonly number[];
  private readonly top: number;
  /** First word of level 0, for the hot path. */
  readonly base: number;

  constructor(words: Int32Array, at: number, items: number) {
    this.words = words;
    this.items = items;
    const bases: number[] = [];
    const counts: number[] = [];
    for (let count = Math.ceil(items / 32), from = at; ; count = Math.ceil(count / 32)) {
      bases.push(from);
      counts.push(count);
      from += count;
      if (count === 1) break;
    }
    this.bases = bases;
    this.counts = counts;
    this.top = bases.length - 1;
    this.base = at;
  }

  /** Words that a tree over so many items takes. */
  static wordsFor(items: number): number {
    let total = 0;
    for (let count = Math.ceil(items / 32); ; count = Math.ceil(count / 32)) {
      total += count;
      if (count <= 1) return total;
    }
  }

  get firstLevelWords(): number {
    return this.counts[0] ?? 0;
  }

  /** Sets every bit: for fresh memory that nobody else sees yet. */
  fill(): void {
    let bits = this.items;
    for (let level = 0; level <= this.top; level += 1) {
      const base = this.bases[level] ?? 0;
      const whole = bits >>> 5;
      this.words.fill(-1, base, base + whole);
      if ((bits & 31) !== 0) this.words[base + whole] = (1 << (bits & 31)) - 1;
      bits = this.counts[level] ?? 0;
    }
  }

  /** Sets the bit of an item, and those above it that it makes true. */
  set(item: number): void {
    const was = Atomics.or(this.words, this.base + (item >>> 5), 1 << (item & 31));
    // Whoever made the word other than zero sees to the levels above.
    if (was === 0 && this.top > 0) this.setFrom(1, item >>> 5);
  }

  /**
   * Clears the bit of an item. False when it was clear: somebody else has this hint. The bits above stay until a search
   * finds that they point to nothing: a word that empties and fills all the time costs nothing there.
   */
  take(item: number): boolean {
    const bit = 1 << (item & 31);
    return (Atomics.and(this.words, this.base + (item >>> 5), ~bit) & bit) !== 0;
  }

  /** Clears the bit above a word that has become zero; sets it again when the word is no longer so. */
  private clearAbove(level: number, word: number): void {
    const above = level + 1;
    const bit = 1 << (word & 31);
    Atomics.and(this.words, (this.bases[above] ?? 0) + (word >>> 5), ~bit);
    // Somebody may have set a bit of the word and found ours above still set, before it was cleared.
    if (Atomics.load(this.words, (this.bases[level] ?? 0) + word) !== 0) this.setFrom(above, word);
  }

  private setFrom(from: number, start: number): void {
    let index = start;
    for (let level = from; level <= this.top; level += 1) {
      const at = (this.bases[level] ?? 0) + (index >>> 5);
      const bit = 1 << (index & 31);
      // Set already: who clears it looks at the word below afterwards, and finds what we have put there before.
      if ((Atomics.load(this.words, at) & bit) !== 0) return;
      if (Atomics.or(this.words, at, bit) !== 0) return;
      index >>>= 5;
    }
  }

  /**
   * A word of level 0 that is not zero, at or after `from` and then from the start; -1 when the hints know of none.
   * Bits above that point to nothing are cleared on the way.
   */
  findWord(from: number): number {
    for (;;) {
      const found = this.search(from);
      if (found !== -2) return found;
    }
  }

  /** As findWord; -2 when a bit that pointed to nothing was met and the search is to begin anew. */
  private search(from: number): number {
    if (Atomics.load(this.words, this.base + from) !== 0) return from;
    let index = from;
    for (let level = 1; level <= this.top; level += 1) {
      // Bits after ours in the word above.
      const bits = Atomics.load(this.words, (this.bases[level] ?? 0) + (index >>> 5)) & (-2 << (index & 31));
      if (bits !== 0) return this.descend(level, (index & ~31) | (31 - Math.clz32(bits & -bits)));
      index >>>= 5;
    }
    if (this.top === 0) return -1;
    const root = Atomics.load(this.words, this.bases[this.top] ?? 0);
    return root === 0 ? -1 : this.descend(this.top, 31 - Math.clz32(root & -root));
  }

  /** From a bit of a level down to a word of level 0. `index` counts the bits of that level, thus words below it. */
  private descend(level: number, index: number): number {
    let at = index;
    for (let below = level - 1; below >= 0; below -= 1) {
      if (at >= (this.counts[below] ?? 0)) {
        // A stray write: there is no such word.
        Atomics.and(this.words, (this.bases[below + 1] ?? 0) + (at >>> 5), ~(1 << (at & 31)));
        return -2;
      }
      const bits = Atomics.load(this.words, (this.bases[below] ?? 0) + at);
      if (bits === 0) {
        this.clearAbove(below, at);
        return -2;
      }
      if (below === 0) return at;
      at = at * 32 + (31 - Math.clz32(bits & -bits));
    }
    return at;
  }

  /** Looks through level 0 itself, past the levels above: before "none" is said. -1 when all of it is zero. */
  findSlowly(from: number): number {
    const count = this.counts[0] ?? 0;
    const { words, base } = this;
    for (let step = 0, at = from; step < count; step += 1, at = at + 1 === count ? 0 : at + 1) {
      if (words[base + at] !== 0) {
        if (this.top > 0) this.setFrom(1, at);
        return at;
      }
    }
    return -1;
  }

  /** Sets what is true, for an item found free, whatever is set already: also the levels above. */
  repair(item: number): void {
    let index = item;
    for (let level = 0; level <= this.top; level += 1) {
      const at = (this.bases[level] ?? 0) + (index >>> 5);
      const bit = 1 << (index & 31);
      if ((Atomics.load(this.words, at) & bit) === 0) Atomics.or(this.words, at, bit);
      index >>>= 5;
    }
  }
}
