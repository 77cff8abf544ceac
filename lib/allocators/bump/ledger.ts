import { bookArray } from '../base';

const FIRST_CAPACITY = 256;

/**
 * Every block in the order of its offset, with its size; negative once freed. A bump hands out rising offsets, so
 * appending keeps the order and a binary search finds a block.
 */
export class BlockLedger {
  private starts = new Float64Array(FIRST_CAPACITY);
  private sizes = new Float64Array(FIRST_CAPACITY);
  private count = 0;

  add(start: number, byteLength: number): void {
    if (this.count === this.starts.length) this.grow();
    this.starts[this.count] = start;
    this.sizes[this.count] = byteLength;
    this.count += 1;
  }

  /** The size of the block that begins there; negative for a freed one, 0 for none. */
  sizeAt(start: number): number {
    const at = this.firstFrom(start);
    return at < this.count && this.starts[at] === start ? (this.sizes[at] ?? 0) : 0;
  }

  markFreed(start: number): void {
    const at = this.firstFrom(start);
    this.sizes[at] = -(this.sizes[at] ?? 0);
  }

  /** Forgets the blocks from an offset on. */
  truncate(start: number): void {
    this.count = this.firstFrom(start);
  }

  // The index of the first block that begins at or after `start`.
  private firstFrom(start: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] ?? 0) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private grow(): void {
    const starts = bookArray(Float64Array, this.count * 2);
    const sizes = bookArray(Float64Array, this.count * 2);
    starts.set(this.starts);
    sizes.set(this.sizes);
    this.starts = starts;
    this.sizes = sizes;
  }
}
