import { isThenable, type Timers } from '../../core';

/** An answer of somebody else's hook that is waited for. Exactly one of the first two is called, once, and never at once. */
export interface Awaited<R> {
  readonly timers: Timers;
  readonly timeoutMs: number;
  succeeded(value: R): void;
  failed(error: unknown): void;
  /** The time is over: what failed() gets. */
  overdue(): unknown;
  /** Called instead of succeeded() for an answer that came after the time was over. */
  late?(value: R): void;
}

/** Waits for a promise; no answer in its time is a failure. */
export function awaitAnswer<R>(answer: PromiseLike<R>, what: Awaited<R>): void {
  let done = false;
  const timer = what.timers.start(() => {
    if (done) return;
    done = true;
    what.failed(what.overdue());
  }, what.timeoutMs);
  const end = (): boolean => {
    if (done) return false;
    done = true;
    what.timers.stop(timer);
    return true;
  };
  new Promise<R>((resolve) => resolve(answer)).then(
    (value) => (end() ? what.succeeded(value) : what.late?.(value)),
    (error) => void (end() && what.failed(error)),
  );
}

/** Calls a hook: a plain answer counts at once. */
export function attempt<R>(work: () => R | PromiseLike<R>, what: Awaited<R>): void {
  let answer: R | PromiseLike<R>;
  let waits: boolean;
  try {
    answer = work();
    waits = isThenable(answer);
  } catch (error) {
    what.failed(error);
    return;
  }
  if (waits) awaitAnswer(answer as PromiseLike<R>, what);
  else what.succeeded(answer as R);
}
