import type { BudgetNode } from '../../lib/budgets/node';
import type { Timers } from '../../lib/core';

export { codeOf } from '../platform/region/support';

/** Every byte is counted once on each level, and nobody holds more than his limit. */
export function checkTree(node: BudgetNode): void {
  const children = [...node.children.values()];
  const lent = children.reduce((sum, child) => sum + child.held, 0);
  const told = { path: node.path(), held: node.held, sum: node.free + node.used + lent };
  expect(told).toEqual({ path: node.path(), held: node.held, sum: node.held });
  expect(Math.min(node.free, node.used, node.held)).toBeGreaterThanOrEqual(0);
  expect(node.held).toBeLessThanOrEqual(node.limit);
  expect(node.held).toBeGreaterThanOrEqual(node.guaranteed);
  expect(node.totalUsed()).toBeLessThanOrEqual(node.limit);
  for (const child of children) checkTree(child);
}

/** Time that stands still until it is moved. */
export class FakeTimers implements Timers {
  now = 0;
  private readonly waiting = new Set<{ at: number; work: () => void }>();

  start(work: () => void, delayMs: number): unknown {
    const timer = { at: this.now + delayMs, work };
    this.waiting.add(timer);
    return timer;
  }

  stop(timer: unknown): void {
    this.waiting.delete(timer as { at: number; work: () => void });
  }

  get count(): number {
    return this.waiting.size;
  }

  advance(ms: number): void {
    this.now += ms;
    for (const timer of [...this.waiting].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.now || !this.waiting.delete(timer)) continue;
      timer.work();
    }
  }
}
