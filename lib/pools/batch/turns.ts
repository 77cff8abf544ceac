import { type Waiter, WaiterQueue } from '../../core';

/** Somebody who collects a batch. `begin` runs when it is its turn, `leave` ends it. */
export interface Collector extends Waiter {
  begin(): void;
}

/**
 * The order in which batches are collected from one pool: one at a time, by priority and arrival. So no two hold a part
 * of what the other one waits for.
 */
export class Turns {
  private readonly queue = new WaiterQueue<Collector>();
  private current: Collector | null = null;
  private arrivals = 0;
  private pending = 0;

  get waiting(): number {
    return this.pending;
  }

  /** The next number of arrival. */
  arrive(): number {
    return (this.arrivals += 1);
  }

  enter(collector: Collector): void {
    if (this.current === null) {
      this.current = collector;
      collector.begin();
      return;
    }
    this.pending += 1;
    this.queue.push(collector);
  }

  /** For one that is `done`: the next one begins if it was its turn. */
  leave(collector: Collector): void {
    if (this.current !== collector) {
      this.pending -= 1;
      this.queue.noteGone();
      return;
    }
    const next = this.queue.peek();
    this.current = next ?? null;
    if (next === undefined) return;
    this.queue.pop();
    this.pending -= 1;
    next.begin();
  }
}

const turns = new WeakMap<object, Turns>();

/** One order for all allocators over the same pool. */
export function turnsOf(pool: object): Turns {
  let found = turns.get(pool);
  if (found === undefined) turns.set(pool, (found = new Turns()));
  return found;
}
