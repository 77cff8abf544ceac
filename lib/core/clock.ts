/** A source of time that tests can replace. */
export interface Clock {
  /** Milliseconds since some fixed moment; never runs backwards; fractions allowed. */
  nowMs(): number;
}

/** The monotonic clock of the process. It does not jump when the wall clock is set. */
export const systemClock: Clock = Object.freeze({ nowMs: () => performance.now() });
