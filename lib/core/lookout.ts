import { stopTimer, type Timers } from './timers';

const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 16;

/** The pause before a look when so many in a row were in vain, in milliseconds: 1, 2, 4, 8, then 16. */
export function lookDelayMs(looks: number): number {
  return Math.min(LONGEST_LOOK_MS, FIRST_LOOK_MS * 2 ** Math.min(looks, 10));
}

/** Looks again and again for what nobody tells of, ever more rarely while it is in vain. Keeps no process alive. */
export class Lookout {
  private readonly timers: Timers;
  private readonly look: () => void;
  private timer: unknown = null;
  private looks = 0;

  constructor(timers: Timers, look: () => void) {
    this.timers = timers;
    this.look = look;
  }

  /** Looks once more, later. Nothing when that is planned already. */
  later(): void {
    if (this.timer !== null) return;
    this.timer = this.timers.start(() => {
      this.timer = null;
      this.looks += 1;
      this.look();
    }, lookDelayMs(this.looks));
  }

  /** Something was found: the next looks come soon. */
  found(): void {
    this.looks = 0;
  }

  stop(): void {
    if (this.timer !== null) stopTimer(this.timers, this.timer);
    this.timer = null;
    this.looks = 0;
  }
}
