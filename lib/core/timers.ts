/** One-shot timers that tests can replace. They do not keep the process alive. */
export interface Timers {
  /** Runs `work` once, after `delayMs` milliseconds; any length. Returns what stop() takes. */
  start(work: () => void, delayMs: number): unknown;
  stop(timer: unknown): void;
}

/** The longest delay of setTimeout: a longer one would pass at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

interface LongTimer {
  part?: NodeJS.Timeout;
}

function startPart(timer: LongTimer, work: () => void, delayMs: number): LongTimer {
  const nowMs = Math.min(delayMs, LONGEST_DELAY_MS);
  const next = nowMs === delayMs ? work : () => startPart(timer, work, delayMs - nowMs);
  timer.part = setTimeout(next, nowMs).unref();
  return timer;
}

/** Real time. */
export const systemTimers: Timers = Object.freeze({
  start: (work: () => void, delayMs: number) => startPart({}, work, delayMs),
  stop: (timer: unknown) => clearTimeout((timer as LongTimer).part),
});
