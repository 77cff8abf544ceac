const FIRST_ENTRIES = 256;

/**
 * Every block of an arena in the order of allocation: 8 bytes each, in the JavaScript heap and never among the users'
 * bytes. It makes frees exact and rewinding possible. Internal to the arenas; the hot paths write its fields.
 */
export class BlockLog {
  /** Start of each block in its chunk; ~start once freed. */
  starts = new Int32Array(FIRST_ENTRIES);
  /** 0 for a block too large for this column, which lies alone in its chunk. */
  sizes = new Int32Array(FIRST_ENTRIES);
  count = 0;
  freed = 0;

  startOf(entry: number): number {
    const start = this.starts[entry] as number;
    return start < 0 ? ~start : start;
  }

  isFreed(entry: number): boolean {
    return (this.starts[entry] as number) < 0;
  }

  free(entry: number): void {
    this.starts[entry] = ~(this.starts[entry] as number);
    this.freed += 1;
  }

  /** Makes room for one more. */
  reserve(): void {
    if (this.count < this.starts.length) return;
    const starts = new Int32Array(this.starts.length * 2);
    const sizes = new Int32Array(starts.length);
    starts.set(this.starts);
    sizes.set(this.sizes);
    this.starts = starts;
    this.sizes = sizes;
  }

  /** The last entry from `low` to `high` that begins at or below `start`; -1 for none. */
  search(low: number, high: number, start: number): number {
    let from = low;
    let to = high;
    if (from > to) return -1;
    while (from < to) {
      const middle = (from + to + 1) >> 1;
      if (this.startOf(middle) <= start) from = middle;
      else to = middle - 1;
    }
    return this.startOf(from) <= start ? from : -1;
  }

  /** Drops the entries from `level` on, and the freed ones right below. Returns what is left. */
  cut(level: number): number {
    let to = level;
    if (this.freed > 0) {
      for (let entry = to; entry < this.count; entry += 1) if (this.isFreed(entry)) this.freed -= 1;
      while (to > 0 && this.isFreed(to - 1)) {
        to -= 1;
        this.freed -= 1;
      }
    }
    this.count = to;
    return to;
  }

  clear(): void {
    this.count = 0;
    this.freed = 0;
  }

  /** Lets go of the memory of a log that is empty. */
  shrink(): void {
    if (this.count > 0 || this.starts.length === FIRST_ENTRIES) return;
    this.starts = new Int32Array(FIRST_ENTRIES);
    this.sizes = new Int32Array(FIRST_ENTRIES);
  }

  /** For the right word in an error: whether a block that began there was freed and its room taken back lately. */
  wasFreed(start: number): boolean {
    const last = Math.min(this.count + 64, this.starts.length);
    for (let entry = this.count; entry < last; entry += 1) if (this.starts[entry] === ~start) return true;
    return false;
  }
}
