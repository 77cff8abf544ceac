import type { Clock } from '../core';

/**
 * The time of a clock that may jump: back, or to no number. It never goes back, and goes on at the clock's pace after a
 * jump back, so that nothing waits until the clock has caught up.
 */
export class SteadyClock implements Clock {
  private readonly clock: Clock;
  private lastMs = Number.NEGATIVE_INFINITY;
  private addedMs = 0;
  private told = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  nowMs(): number {
    const nowMs: unknown = this.clock.nowMs();
    if (typeof nowMs !== 'number' || !Number.isFinite(nowMs)) return this.told;
    if (nowMs < this.lastMs) this.addedMs += this.lastMs - nowMs;
    this.lastMs = nowMs;
    this.told = nowMs + this.addedMs;
    return this.told;
  }
}
