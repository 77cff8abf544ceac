import type { Clock } from '../core';

/**
 * The time of a clock that may jump: back, or to no number; or throw. It never goes back, and goes on at the clock's pace
 * after a jump back, so that nothing waits until the clock has caught up. While the clock throws, time stands still.
 */
export class SteadyClock implements Clock {
  private readonly clock: Clock;
  private readonly onFailure: (error: unknown) => void;
  private lastMs = Number.NEGATIVE_INFINITY;
  private addedMs = 0;
  private told = 0;
  private failing = false;

  /** @param onFailure told when it begins to throw */
  constructor(clock: Clock, onFailure: (error: unknown) => void) {
    this.clock = clock;
    this.onFailure = onFailure;
  }

  nowMs(): number {
    const nowMs = this.ask();
    if (typeof nowMs !== 'number' || !Number.isFinite(nowMs)) return this.told;
    if (nowMs < this.lastMs) this.addedMs += this.lastMs - nowMs;
    this.lastMs = nowMs;
    this.told = nowMs + this.addedMs;
    return this.told;
  }

  private ask(): unknown {
    try {
      const nowMs: unknown = this.clock.nowMs();
      this.failing = false;
      return nowMs;
    } catch (error) {
      if (!this.failing) {
        this.failing = true; // before it is told: who hears of it may ask for the time
        this.onFailure(error);
      }
      return null;
    }
  }
}
