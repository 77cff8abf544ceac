import { type Timers, type WaitRequest, watchEnds } from '../../core';
import { abortedWait } from '../base';
import { notReached } from './errors';

interface Milestone {
  readonly method: string;
  reached(): boolean;
  settle(failure: { readonly error: unknown } | null): void;
}

/** Waits for a state of the whole pool: ready, drained, ended. */
export class Milestones {
  private readonly timers: Timers;
  private readonly describe: () => string;
  private waits: readonly Milestone[] = [];

  /** @param describe the state of the pool, for errors */
  constructor(timers: Timers, describe: () => string) {
    this.timers = timers;
    this.describe = describe;
  }

  until(method: string, reached: () => boolean, wait: Omit<WaitRequest, 'priority'>): Promise<void> {
    const { deadlineMs, signal } = wait;
    if (signal?.aborted) return Promise.reject(abortedWait('AsyncPool', method, signal.reason));
    if (reached()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const milestone: Milestone = {
        method,
        reached,
        settle: (failure) => {
          this.waits = this.waits.filter((other) => other !== milestone);
          leave();
          if (failure === null) resolve();
          else reject(failure.error);
        },
      };
      const leave = watchEnds(this.timers, {
        deadlineMs,
        signal,
        timedOut: (afterMs) => milestone.settle({ error: notReached(method, afterMs, this.describe()) }),
        aborted: ({ reason }) => milestone.settle({ error: abortedWait('AsyncPool', method, reason) }),
      });
      this.waits = [...this.waits, milestone];
    });
  }

  check(): void {
    for (const milestone of this.waits) if (milestone.reached()) milestone.settle(null);
  }

  fail(method: string, error: unknown): void {
    for (const milestone of this.waits) if (milestone.method === method) milestone.settle({ error });
  }
}
