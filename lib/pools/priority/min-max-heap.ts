/** What stands in a {@link MinMaxHeap}: it keeps its own place. */
export interface Ranked {
  place: number;
}

/** Whether a level of the tree holds what is lower than all below it; the others hold what is higher. */
function isMinLevel(place: number): boolean {
  return (Math.clz32(place + 1) & 1) === 1;
}

/**
 * A heap with two ends: the lowest and the highest are seen at once, and taken, added or moved in O(log n). On even
 * levels an element is lower than all below it, on odd levels higher. No two may be equal.
 */
export class MinMaxHeap<E extends Ranked> {
  private readonly items: E[] = [];
  private readonly isLower: (a: E, b: E) => boolean;

  constructor(isLower: (a: E, b: E) => boolean) {
    this.isLower = isLower;
  }

  get size(): number {
    return this.items.length;
  }

  get lowest(): E | undefined {
    return this.items[0];
  }

  get highest(): E | undefined {
    const { items } = this;
    if (items.length < 3) return items[items.length - 1];
    return this.isLower(items[1]!, items[2]!) ? items[2] : items[1];
  }

  has(item: E): boolean {
    return this.items[item.place] === item;
  }

  push(item: E): void {
    this.put(item, this.items.length);
    this.rise(item.place);
  }

  /** Takes one out, wherever it stands. */
  remove(item: E): void {
    const { items } = this;
    const at = item.place;
    const last = items.pop()!;
    if (last !== item) {
      this.put(last, at);
      this.settle(at);
    }
    item.place = -1;
  }

  private put(item: E, place: number): void {
    this.items[place] = item;
    item.place = place;
  }

  private swap(a: number, b: number): void {
    const { items } = this;
    const item = items[a]!;
    this.put(items[b]!, a);
    this.put(item, b);
  }

  /** Whether the one at `a` belongs above the one at `b` on a level of that kind. */
  private before(min: boolean, a: number, b: number): boolean {
    const { items } = this;
    return min ? this.isLower(items[a]!, items[b]!) : this.isLower(items[b]!, items[a]!);
  }

  /** For one that was put in the place of another: it may belong up or down. */
  private settle(at: number): void {
    const parent = (at - 1) >> 1;
    const grandparent = (parent - 1) >> 1;
    const min = isMinLevel(at);
    const wrongSide = at > 0 && this.before(!min, at, parent);
    const tooLow = at > 2 && this.before(min, at, grandparent);
    if (wrongSide) {
      this.swap(at, parent);
      this.rise(parent);
      this.sink(at);
    } else if (tooLow) this.rise(at);
    else this.sink(at);
  }

  private rise(from: number): void {
    let at = from;
    if (at === 0) return;
    const parent = (at - 1) >> 1;
    let min = isMinLevel(at);
    if (this.before(!min, at, parent)) {
      this.swap(at, parent);
      at = parent;
      min = !min;
    }
    while (at > 2) {
      const grandparent = (((at - 1) >> 1) - 1) >> 1;
      if (!this.before(min, at, grandparent)) return;
      this.swap(at, grandparent);
      at = grandparent;
    }
  }

  private sink(from: number): void {
    const min = isMinLevel(from);
    let at = from;
    for (;;) {
      const next = this.firstBelow(at, min);
      if (next === -1 || !this.before(min, next, at)) return;
      this.swap(at, next);
      if (next <= 2 * at + 2) return; // a child: nothing is below it on levels of this kind
      const parent = (next - 1) >> 1;
      if (this.before(min, parent, next)) this.swap(parent, next);
      at = next;
    }
  }

  /** Of the children and grandchildren the one that belongs above the others; -1 without any. */
  private firstBelow(at: number, min: boolean): number {
    const { length } = this.items;
    const child = 2 * at + 1;
    if (child >= length) return -1;
    let first = child;
    if (child + 1 < length && this.before(min, child + 1, first)) first = child + 1;
    const end = Math.min(length, 4 * at + 7);
    for (let place = 4 * at + 3; place < end; place += 1) if (this.before(min, place, first)) first = place;
    return first;
  }
}
