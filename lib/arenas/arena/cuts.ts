/**
 * How far down an arena was rewound or freed since some moment: what makes a reference to a block stale although its
 * arena was not reset. Levels only grow along the list, so it never holds more entries than the arena has blocks.
 */
export class CutHistory {
  /** Counts every cut and reset; a reference that saw the same count needs no look-up. */
  count = 0;
  private serials: number[] = [];
  private levels: number[] = [];

  /** Blocks from `level` on are gone. */
  add(level: number): void {
    this.count += 1;
    const { serials, levels } = this;
    while (levels.length > 0 && (levels[levels.length - 1] as number) >= level) {
      levels.pop();
      serials.pop();
    }
    serials.push(this.count);
    levels.push(level);
  }

  /** Everything is gone: references compare generations. */
  clear(): void {
    this.count += 1;
    if (this.serials.length === 0) return;
    this.serials = [];
    this.levels = [];
  }

  /** The least number of blocks that the arena held at any time since the count was `since`. */
  lowestSince(since: number): number {
    const { serials, levels } = this;
    let low = 0;
    let high = serials.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((serials[middle] as number) > since) high = middle;
      else low = middle + 1;
    }
    return low === serials.length ? Number.POSITIVE_INFINITY : (levels[low] as number);
  }
}
