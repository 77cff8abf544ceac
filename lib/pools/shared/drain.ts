import type { Timers, WaitRequest } from '../../core';

/** What a drain asks of its pool. */
export interface Drained {
  readonly slots: number;
  isLent(slot: number): boolean;
  /** Looks for holders that have ended, not too often. */
  lookForDead(): void;
  timedOut(deadlineMs: number): Error;
  aborted(signal: AbortSignal): Error;
}

const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 16;
/** Slots that are looked at in one go. */
const STRIDE = 65536;

/** Waits until each slot was seen free once, beginning where the last look met one that was not. */
export class Drain {
  readonly promise: Promise<void>;
  private readonly pool: Drained;
  private readonly timers: Timers;
  private resolve: () => void = () => {};
  private reject: (error: unknown) => void = () => {};
  private timer: unknown = null;
  private deadline: unknown = null;
  private done = false;
  private slot = 0;
  private looks = 0;
  private readonly leave: () => void;

  constructor(pool: Drained, timers: Timers, { deadlineMs, signal }: WaitRequest, ended: (drain: Drain) => void) {
    this.pool = pool;
    this.timers = timers;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    const onAbort = (): void => this.fail(pool.aborted(signal as AbortSignal));
    this.leave = () => {
      signal?.removeEventListener('abort', onAbort);
      ended(this);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    if (deadlineMs !== undefined) {
      this.deadline = timers.start(() => this.fail(pool.timedOut(deadlineMs)), deadlineMs, true);
    }
    this.look();
  }

  get isDone(): boolean {
    return this.done;
  }

  fail(error: unknown): void {
    if (this.end()) this.reject(error);
  }

  private look(): void {
    this.timer = null;
    try {
      if (this.passes()) {
        if (this.end()) this.resolve();
        return;
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    const delayMs = Math.min(LONGEST_LOOK_MS, FIRST_LOOK_MS * 2 ** Math.min(this.looks, 10));
    this.looks += 1;
    this.timer = this.timers.start(() => this.look(), delayMs);
  }

  private passes(): boolean {
    const { pool } = this;
    const until = Math.min(pool.slots, this.slot + STRIDE);
    while (this.slot < until && !pool.isLent(this.slot)) {
      this.slot += 1;
      this.looks = 0;
    }
    if (this.slot < until) pool.lookForDead();
    return this.slot === pool.slots;
  }

  private end(): boolean {
    if (this.done) return false;
    this.done = true;
    if (this.timer !== null) this.timers.stop(this.timer);
    if (this.deadline !== null) this.timers.stop(this.deadline);
    this.leave();
    return true;
  }
}
