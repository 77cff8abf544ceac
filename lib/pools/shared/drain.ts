import { Lookout, type Timers, type WaitRequest, watchEnds } from '../../core';

/** What a drain asks of its pool. */
export interface Drained {
  readonly slots: number;
  isLent(slot: number): boolean;
  /** Looks for holders that have ended, not too often. */
  lookForDead(): void;
  timedOut(deadlineMs: number): Error;
  aborted(signal: AbortSignal): Error;
}

/** Slots that are looked at in one go. */
const STRIDE = 65536;

/** Waits until each slot was seen free once, beginning where the last look met one that was not. */
export class Drain {
  readonly promise: Promise<void>;
  private readonly pool: Drained;
  private readonly lookout: Lookout;
  private resolve: () => void = () => {};
  private reject: (error: unknown) => void = () => {};
  private done = false;
  private slot = 0;
  private readonly leave: () => void;

  constructor(pool: Drained, timers: Timers, { deadlineMs, signal }: WaitRequest, ended: (drain: Drain) => void) {
    this.pool = pool;
    this.lookout = new Lookout(timers, () => this.look());
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    const leave = watchEnds(timers, {
      deadlineMs,
      signal,
      timedOut: (afterMs) => this.fail(pool.timedOut(afterMs)),
      aborted: (by) => this.fail(pool.aborted(by)),
    });
    this.leave = () => {
      leave();
      ended(this);
    };
    this.look();
  }

  get isDone(): boolean {
    return this.done;
  }

  fail(error: unknown): void {
    if (this.end()) this.reject(error);
  }

  private look(): void {
    try {
      if (this.passes()) {
        if (this.end()) this.resolve();
      } else {
        this.lookout.later();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private passes(): boolean {
    const { pool } = this;
    const until = Math.min(pool.slots, this.slot + STRIDE);
    while (this.slot < until && !pool.isLent(this.slot)) {
      this.slot += 1;
      this.lookout.found();
    }
    if (this.slot < until) pool.lookForDead();
    return this.slot === pool.slots;
  }

  private end(): boolean {
    if (this.done) return false;
    this.done = true;
    this.lookout.stop();
    this.leave();
    return true;
  }
}
