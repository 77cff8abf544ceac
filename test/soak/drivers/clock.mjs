// Time that passes when a driver says so.

export function manualClock() {
  let now = 0;
  let last = 0;
  const due = new Map();
  const repeating = new Map();
  return {
    nowMs: () => now,
    /** For options of type Timers. */
    timers: {
      start(work, delayMs) {
        last += 1;
        due.set(last, { work, at: now + delayMs });
        return last;
      },
      stop: (timer) => void due.delete(timer),
    },
    /** For options of type IntervalTimer. */
    every(work, everyMs) {
      last += 1;
      const id = last;
      repeating.set(id, { work, everyMs, at: now + everyMs });
      return () => repeating.delete(id);
    },
    get pending() {
      return due.size + repeating.size;
    },
    advance(ms) {
      now += ms;
      const ripe = [...due].filter(([, { at }]) => at <= now).sort(([, a], [, b]) => a.at - b.at);
      for (const [id, { work }] of ripe) if (due.delete(id)) work();
      for (const [id, timer] of [...repeating]) {
        if (timer.at > now || !repeating.has(id)) continue;
        timer.at = now + timer.everyMs;
        timer.work();
      }
    },
  };
}
