const EMPTY = -1;
const LEAST_SLOTS = 16;

/**
 * Live blocks by offset, with their size and two numbers of the owner's: open addressing in typed arrays, so that
 * millions of blocks cost the garbage collector nothing. At most half full; removal closes the gap, there are no graves.
 * A slot is valid until the next insertion or removal.
 */
export class BlockTable {
  count = 0;
  sizes: Float64Array = new Float64Array(LEAST_SLOTS);
  first: Float64Array = new Float64Array(LEAST_SLOTS);
  second: Float64Array = new Float64Array(LEAST_SLOTS);
  private keys: Float64Array = new Float64Array(LEAST_SLOTS).fill(EMPTY);
  private mask = LEAST_SLOTS - 1;

  /** Slots to walk over; those with `offsetAt` -1 are empty. */
  get slots(): number {
    return this.mask + 1;
  }

  offsetAt(slot: number): number {
    return this.keys[slot] as number;
  }

  /** The slot of the block that begins at this offset, or -1. */
  find(offset: number): number {
    const { keys, mask } = this;
    let slot = home(offset, mask);
    for (;;) {
      const key = keys[slot] as number;
      if (key === offset) return slot;
      if (key === EMPTY) return -1;
      slot = (slot + 1) & mask;
    }
  }

  /** Makes room for one more, so that the next `set` cannot fail for lack of memory. */
  prepare(): void {
    if (2 * (this.count + 1) > this.mask + 1) this.grow();
  }

  /** Enters a block, or replaces the one at this offset. */
  set(offset: number, byteLength: number, first: number, second: number): void {
    this.prepare();
    const { keys, mask } = this;
    let slot = home(offset, mask);
    for (;;) {
      const key = keys[slot] as number;
      if (key === EMPTY) {
        this.count++;
        break;
      }
      if (key === offset) break;
      slot = (slot + 1) & mask;
    }
    keys[slot] = offset;
    this.sizes[slot] = byteLength;
    this.first[slot] = first;
    this.second[slot] = second;
  }

  removeAt(slot: number): void {
    const { keys, mask } = this;
    let hole = slot;
    for (let next = (hole + 1) & mask; keys[next] !== EMPTY; next = (next + 1) & mask) {
      const distance = (next - home(keys[next] as number, mask)) & mask;
      if (distance < ((next - hole) & mask)) continue;
      this.copy(next, hole);
      hole = next;
    }
    keys[hole] = EMPTY;
    this.count--;
  }

  clear(): void {
    if (this.count === 0) return;
    this.allocateSlots(LEAST_SLOTS);
    this.count = 0;
  }

  private copy(from: number, to: number): void {
    this.keys[to] = this.keys[from] as number;
    this.sizes[to] = this.sizes[from] as number;
    this.first[to] = this.first[from] as number;
    this.second[to] = this.second[from] as number;
  }

  private allocateSlots(slots: number): void {
    const keys = new Float64Array(slots).fill(EMPTY);
    const sizes = new Float64Array(slots);
    const first = new Float64Array(slots);
    const second = new Float64Array(slots);
    this.keys = keys;
    this.sizes = sizes;
    this.first = first;
    this.second = second;
    this.mask = slots - 1;
  }

  private grow(): void {
    const { keys, sizes, first, second } = this;
    this.allocateSlots(2 * keys.length);
    this.count = 0;
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot] as number;
      if (key !== EMPTY) this.set(key, sizes[slot] as number, first[slot] as number, second[slot] as number);
    }
  }
}

/** Offsets are multiples of 8 or more and may pass 2^32: both halves are mixed, and the upper bits are taken. */
function home(offset: number, mask: number): number {
  const mixed = Math.imul((offset | 0) ^ Math.imul((offset / 4294967296) | 0, 0x85ebca6b), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & mask;
}
