import type { Clock, Timers } from '../../lib/core';

/** Time that stands still until it is moved; what falls due on the way runs at its own moment. */
export class FakeTime implements Clock, Timers {
  now = 0;
  private readonly waiting = new Set<{ readonly at: number; readonly work: () => void }>();

  nowMs(): number {
    return this.now;
  }

  start(work: () => void, delayMs: number): unknown {
    const timer = { at: this.now + delayMs, work };
    this.waiting.add(timer);
    return timer;
  }

  stop(timer: unknown): void {
    this.waiting.delete(timer as { at: number; work: () => void });
  }

  get pending(): number {
    return this.waiting.size;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = [...this.waiting].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.waiting.delete(next);
      this.now = Math.max(this.now, next.at);
      next.work();
    }
    this.now = end;
  }
}
