import type { Slab, Slot } from './slab';

/** Buffers of one size. Counters and lists only; fields are plain because the hot path reads them. */
export class SizeClass {
  readonly index: number;
  readonly bytes: number;
  /** Sizes above this one are served here. */
  readonly above: number;
  /** Buffers that are mapped together. */
  readonly perSlab: number;
  /** Most buffers that there may be. */
  readonly most: number;
  /** Those that can be lent, the next one last. */
  free: Slot[] = [];
  readonly slabs = new Set<Slab>();
  /** Buffers that exist: lent, free and resting. */
  buffers = 0;
  lent = 0;
  peakLent = 0;
  acquires = 0;
  /** Loans for which memory had to be mapped. */
  misses = 0;

  constructor(index: number, bytes: number, above: number, perSlab: number, most: number) {
    this.index = index;
    this.bytes = bytes;
    this.above = above;
    this.perSlab = perSlab;
    this.most = most;
  }

  /**
   * Sorts the free slots by slab, so that the oldest slabs are used first and the others fall idle. Costs as much as there
   * are free slots.
   *
   * @returns the slabs of which nothing is lent, those that were used longest ago first
   */
  census(): Slab[] {
    for (const slab of this.slabs) slab.loose = [];
    for (const slot of this.free) slot.slab.loose.push(slot);
    const slabs = [...this.slabs];
    this.free = [];
    for (let at = slabs.length - 1; at >= 0; at--) for (const slot of (slabs[at] as Slab).loose) this.free.push(slot);
    return slabs.filter((slab) => slab.idle).sort((a, b) => a.touched - b.touched);
  }

  /** Takes slabs that are idle out of the books. */
  drop(slabs: readonly Slab[]): void {
    if (slabs.length === 0) return;
    const gone = new Set(slabs);
    this.free = this.free.filter((slot) => !gone.has(slot.slab));
    for (const slab of slabs) {
      this.slabs.delete(slab);
      this.buffers -= slab.slots.length;
    }
  }
}
