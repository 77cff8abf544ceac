/** How many steps the decay time is divided into. */
export const DECAY_STEPS = 64;

/** The share of what was freed `step` steps ago that may still be kept: 1 falling to 0, slowly at both ends. */
function keepShare(step: number): number {
  const x = 1 - step / DECAY_STEPS;
  return x * x * x * (x * (x * 6 - 15) + 10);
}

// Of step 1 to DECAY_STEPS; the step that has just begun keeps all.
const SHARES = Float64Array.from({ length: DECAY_STEPS }, (_, i) => keepShare(i + 1));

/**
 * How many bytes a cache may still keep: what was added in each step of time fades along a smooth curve and is 0 after
 * `decayMs`; what is taken out again counts no more. Knows no clock and no timer.
 */
export class DecayCurve {
  /** Length of a step in milliseconds. */
  readonly stepMs: number;
  // Ring of bytes added by step; `step` is the number of the one that goes on now.
  private readonly added = new Float64Array(DECAY_STEPS);
  private step = 0;
  private startMs: number;

  constructor(decayMs: number, nowMs: number) {
    this.stepMs = decayMs / DECAY_STEPS;
    this.startMs = nowMs;
  }

  /** Begins with nothing at a moment, after nothing was kept for a while. */
  restart(nowMs: number): void {
    this.added.fill(0);
    this.startMs = nowMs;
  }

  /** Counts bytes as added now. @returns the step, for `take` */
  add(bytes: number): number {
    const at = this.step % DECAY_STEPS;
    this.added[at] = (this.added[at] ?? 0) + bytes;
    return this.step;
  }

  /** Takes back what was added in a step. */
  take(step: number, bytes: number): void {
    if (this.step - step >= DECAY_STEPS) return; // faded
    const at = step % DECAY_STEPS;
    this.added[at] = Math.max(0, (this.added[at] ?? 0) - bytes);
  }

  /** Moves on to the step of `nowMs`. @returns true when a new one has begun: the limit is lower then */
  advance(nowMs: number): boolean {
    const steps = Math.floor((nowMs - this.startMs) / this.stepMs);
    if (!(steps >= 1)) return false;
    for (let i = 1; i <= Math.min(steps, DECAY_STEPS); i++) this.added[(this.step + i) % DECAY_STEPS] = 0;
    this.step += steps;
    this.startMs += steps * this.stepMs;
    return true;
  }

  /** The bytes that may be kept in this step. */
  limitBytes(): number {
    let limit = this.added[this.step % DECAY_STEPS] ?? 0;
    for (let age = 1; age < DECAY_STEPS && age <= this.step; age++) {
      limit += (this.added[(this.step - age) % DECAY_STEPS] ?? 0) * (SHARES[age - 1] ?? 0);
    }
    return limit;
  }
}
