/** One-shot timers that tests can replace. */
export interface Timers {
  /**
   * Runs `work` once, after `delayMs` milliseconds; any length. Returns what stop() takes.
   *
   * @param keepsAlive whether the process waits for it: only for a deadline that somebody awaits. Default false
   */
  start(work: () => void, delayMs: number, keepsAlive?: boolean): unknown;
  stop(timer: unknown): void;
}

/** The longest delay of setTimeout: a longer one would pass at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

interface LongTimer {
  part?: NodeJS.Timeout;
}

function startPart(timer: LongTimer, work: () => void, delayMs: number, keepsAlive: boolean): LongTimer {
  const nowMs = Math.min(delayMs, LONGEST_DELAY_MS);
  const next = nowMs === delayMs ? work : () => startPart(timer, work, delayMs - nowMs, keepsAlive);
  timer.part = setTimeout(next, nowMs);
  if (!keepsAlive) timer.part.unref();
  return timer;
}

/** Real time. */
export const systemTimers: Timers = Object.freeze({
  start: (work: () => void, delayMs: number, keepsAlive: boolean = false) => startPart({}, work, delayMs, keepsAlive),
  stop: (timer: unknown) => clearTimeout((timer as LongTimer).part),
});

/** Stops a timer, quietly: one that cannot be stopped calls somebody who finds nothing to do, and costs nobody his books. */
export function stopTimer(timers: Timers, timer: unknown): void {
  try {
    timers.stop(timer);
  } catch {}
}
