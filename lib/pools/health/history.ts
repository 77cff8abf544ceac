import type { HealthSample } from './watched';

/** Into so many buckets a span is cut. */
const BUCKETS = 12;

/** Samples of the past, as many as a span needs: of each bucket of time the first and the last one. */
export class History {
  private readonly samples: HealthSample[] = [];
  private readonly bucketMs: number;

  constructor(private readonly spanMs: number) {
    this.bucketMs = spanMs / BUCKETS;
  }

  note(sample: HealthSample): void {
    const { samples } = this;
    const bucket = this.bucketOf(sample);
    const last = samples.length - 1;
    const isThird = last > 0 && samples.slice(-2).every((known) => this.bucketOf(known) === bucket);
    if (isThird) samples[last] = sample;
    else samples.push(sample);
  }

  /** Forgets what was noted after this moment: the clock was set back, and nothing can be told from those. */
  rewind(nowMs: number): void {
    const { samples } = this;
    if ((samples.at(-1)?.atMs ?? nowMs) > nowMs) samples.length = 0;
  }

  /** The newest sample that is a whole span old; before there is one, the oldest. Older ones are forgotten. */
  base(nowMs: number): HealthSample | undefined {
    const { samples, spanMs } = this;
    let at = 0;
    for (let next = samples[1]; next !== undefined && nowMs - next.atMs >= spanMs; next = samples[at + 1]) at += 1;
    if (at > 0) samples.splice(0, at);
    return samples[0];
  }

  private bucketOf({ atMs }: HealthSample): number {
    return Math.floor(atMs / this.bucketMs);
  }
}
