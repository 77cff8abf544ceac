import { checkInteger, checkOptions } from '../../core';

/** When a pool ends idle objects by itself. */
export interface PoolShrink {
  /** Idle objects that are kept however little they are needed. Default 0. */
  readonly keepIdle?: number;
  /** Releases to look at before something is ended: 1 to 2^31 - 1. Default 1000. */
  readonly afterReleases?: number;
}

/**
 * Watches how many idle objects were never needed within so many releases. No clock: a pool that nobody uses does not
 * shrink, and trim() is there for that.
 */
export class ShrinkPolicy {
  /** The fewest that were idle since the last look. */
  low = 0;
  private readonly keepIdle: number;
  private readonly afterReleases: number;
  private left: number;

  constructor(where: string, given: PoolShrink) {
    const options = checkOptions<PoolShrink>(`${where}: shrink`, given, ['keepIdle', 'afterReleases']);
    const { keepIdle = 0, afterReleases = 1000 } = options;
    this.keepIdle = checkInteger(`${where}: shrink.keepIdle`, keepIdle);
    this.afterReleases = checkInteger(`${where}: shrink.afterReleases`, afterReleases, 1, 2 ** 31 - 1);
    this.left = this.afterReleases;
  }

  /** After a release: how many of the `idle` to end now. Half of what was not needed, so that it goes gradually. */
  afterRelease(idle: number): number {
    this.left -= 1;
    if (this.left > 0) return 0;
    const spare = Math.min(this.low, idle) - this.keepIdle;
    const ended = spare <= 0 ? 0 : Math.ceil(spare / 2);
    this.left = this.afterReleases;
    this.low = idle - ended;
    return ended;
  }
}
