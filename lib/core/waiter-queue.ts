/** Somebody who waits. Ordered by priority (higher first), then by arrival. */
export interface Waiter {
  readonly priority: number;
  readonly arrival: number;
  /** True once served, refused, aborted or timed out: it is skipped where it still stands in a queue. */
  done: boolean;
}

function before(a: Waiter, b: Waiter): boolean {
  return a.priority === b.priority ? a.arrival < b.arrival : a.priority > b.priority;
}

/** A binary heap: entering and leaving cost O(log n). Waiters that gave up leave when they reach the head. */
export class WaiterQueue<W extends Waiter> {
  private heap: W[] = [];
  private gone = 0;

  /** Upper bound: counts those who gave up and were not met yet. */
  get size(): number {
    return this.heap.length;
  }

  /** The first who still waits. */
  peek(): W | undefined {
    while (this.heap[0]?.done) {
      this.pop();
      this.gone -= 1;
    }
    return this.heap[0];
  }

  /** Told of each waiter here that gave up: when they are the most, they go, so that a stuck head holds no crowd. */
  noteGone(): void {
    this.gone += 1;
    if (this.gone * 2 <= this.heap.length || this.heap.length < 64) return;
    const waiting = this.heap.filter(({ done }) => !done);
    this.heap = [];
    this.gone = 0;
    for (const waiter of waiting) this.push(waiter);
  }

  push(waiter: W): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(waiter);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(waiter, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = waiter;
  }

  pop(): W | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.sink(last);
    return first;
  }

  private sink(waiter: W): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let next = 2 * at + 1;
      let child = heap[next];
      if (child === undefined) break;
      const right = heap[next + 1];
      if (right !== undefined && before(right, child)) {
        next += 1;
        child = right;
      }
      if (!before(child, waiter)) break;
      heap[at] = child;
      at = next;
    }
    heap[at] = waiter;
  }
}
