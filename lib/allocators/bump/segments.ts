/**
 * The checkpoints that are still good, oldest first: each opens a segment of offsets, and counts the live blocks in it,
 * so that restoring knows how many blocks it drops, also when some were freed one by one before.
 */
export class Segments {
  private readonly starts: number[] = [];
  private readonly serials: number[] = [];
  /** Live blocks of each closed segment; `below[0]` lie under the first checkpoint. */
  private readonly below: number[] = [];
  private nextSerial = 1;

  get depth(): number {
    return this.starts.length;
  }

  /** Where the newest segment begins: at the newest checkpoint, or at 0. */
  get newestStart(): number {
    return this.starts.length === 0 ? 0 : (this.starts[this.starts.length - 1] ?? 0);
  }

  /** NaN where there is none, which is the serial number of nothing. */
  serialAt(at: number): number {
    return this.serials[at] ?? Number.NaN;
  }

  startAt(at: number): number {
    return this.starts[at] ?? 0;
  }

  /** Live blocks outside of the newest segment. */
  get liveBelow(): number {
    let sum = 0;
    for (const live of this.below) sum += live;
    return sum;
  }

  /** Opens a segment; `live` blocks live in the one that it closes. */
  push(start: number, live: number): void {
    this.starts.push(start);
    this.serials.push(this.nextSerial);
    this.below.push(live);
    this.nextSerial += 1;
  }

  /** Drops the segments above the checkpoint `at`, which stays. */
  keep(at: number): void {
    this.starts.length = at + 1;
    this.serials.length = at + 1;
    this.below.length = at + 1;
  }

  clear(): void {
    this.starts.length = 0;
    this.serials.length = 0;
    this.below.length = 0;
  }

  /** True when a block of the closed segment of that offset lives. */
  hasLive(offset: number): boolean {
    return (this.below[this.segmentOf(offset)] ?? 0) > 0;
  }

  /** Counts one block of a closed segment as freed. */
  freeBelow(offset: number): void {
    const at = this.segmentOf(offset);
    this.below[at] = (this.below[at] ?? 0) - 1;
  }

  // The number of checkpoints at or under an offset.
  private segmentOf(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
