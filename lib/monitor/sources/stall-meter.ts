interface Sample {
  readonly atMs: number;
  readonly totalUs: number;
}

/** Below this distance two samples tell more of the clock than of the stalls. */
const SHORTEST_MS = 100;

/** The share of the last window that was lost to stalls, from totals that only grow: what a kernel trigger computes. */
export class StallMeter {
  private readonly windowMs: number;
  private samples: Sample[] = [];
  private share: number | null = null;
  /** Stall since the begin of the window, or since the first sample. */
  growthUs = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** @returns 0 to 1; null while there is nothing to compare with */
  add(atMs: number, totalUs: number): number | null {
    const last = this.samples.at(-1);
    // A group made anew counts from 0 again; a clock that goes back makes no window.
    if (last !== undefined && (totalUs < last.totalUs || atMs < last.atMs)) this.reset();
    this.samples.push({ atMs, totalUs });
    // The newest that is a window old begins the window; the older ones go.
    const first = this.samples.findLastIndex((one) => atMs - one.atMs >= this.windowMs);
    if (first > 0) this.samples.splice(0, first);
    const [from] = this.samples;
    this.growthUs = totalUs - (from?.totalUs ?? totalUs);
    if (from !== undefined && atMs - from.atMs >= SHORTEST_MS) {
      this.share = Math.min(1, (totalUs - from.totalUs) / 1000 / (atMs - from.atMs));
    }
    return this.share;
  }

  reset(): void {
    this.samples = [];
    this.share = null;
    this.growthUs = 0;
  }
}
