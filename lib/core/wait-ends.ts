import { stopTimer, type Timers } from './timers';

/** What ends a wait before its turn comes. */
export interface WaitEnds {
  readonly deadlineMs: number | undefined;
  /** Not aborted yet. */
  readonly signal: AbortSignal | undefined;
  timedOut(deadlineMs: number): void;
  aborted(signal: AbortSignal): void;
}

const NOTHING = (): void => {};

/**
 * Watches for the deadline and the abort of a wait. Returns what stops watching; it may be called more than once. The
 * deadline keeps the process alive. Call it before the wait stands anywhere: when this throws, nothing is left behind.
 */
export function watchEnds(timers: Timers, ends: WaitEnds): () => void {
  const { deadlineMs, signal } = ends;
  if (deadlineMs === undefined && signal === undefined) return NOTHING;
  let timer: unknown = null;
  const onAbort = (): void => ends.aborted(signal as AbortSignal);
  const leave = (): void => {
    signal?.removeEventListener('abort', onAbort);
    if (timer !== null) stopTimer(timers, timer);
    timer = null;
  };
  if (deadlineMs !== undefined) timer = timers.start(() => ends.timedOut(deadlineMs), deadlineMs, true);
  try {
    signal?.addEventListener('abort', onAbort, { once: true });
  } catch (error) {
    leave();
    throw error;
  }
  return leave;
}
