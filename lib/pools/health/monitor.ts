import { ignoreFailure } from '../../core';
import { History } from './history';
import { judge, type PoolHealthMetrics, type Verdict } from './judge';
import { type FoundLeaks, findLeaks, type PoolLeakSite } from './leaks';
import { type HealthSettings, type PoolHealthLevel, type PoolHealthOptions, readHealthOptions } from './options';
import { checkWatched, type HealthSample, sampleOf, type Watchable, type WatchedPool } from './watched';

/** The answer of {@link PoolHealthMonitor.report}. Frozen plain data. */
export interface PoolHealthReport {
  readonly name: string;
  readonly level: PoolHealthLevel;
  /** Why, the worst first; empty when healthy. */
  readonly reasons: readonly string[];
  readonly metrics: PoolHealthMetrics;
  /** Who holds objects for too long. */
  readonly leaks: readonly PoolLeakSite[];
}

const usual = new WeakMap<Watchable, PoolHealthMonitor>();

/**
 * Tells how a pool fares, from its statistics alone: the pool does no work for it and need not know of it. Failed: closed,
 * or all in use with nothing returned for a whole window while requests wait or are refused. Critical: too many
 * requests refused. Degraded: loans that do not come back, or nearly all lent. An idle pool is healthy.
 * Belongs to one thread.
 */
export class PoolHealthMonitor implements Disposable {
  readonly name: string;
  private readonly pool: WatchedPool;
  private readonly settings: HealthSettings;
  private readonly window: History;
  private readonly loans: History;
  private verdict: Verdict;
  private found: FoundLeaks;
  private announced: PoolHealthLevel;
  private checks = 0;
  private changes = 0;
  private callbackFailures = 0;
  private checking = false;
  private telling = false;
  private stopped = false;
  private timer: unknown = null;

  /**
   * The monitor of a pool: without options always the same one, with its own options a new one. Rates begin here.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  static watch(pool: Watchable, options?: PoolHealthOptions): PoolHealthMonitor {
    if (options !== undefined) return new PoolHealthMonitor(pool, options);
    const known = usual.get(pool);
    if (known !== undefined) return known;
    const made = new PoolHealthMonitor(pool);
    usual.set(pool, made);
    return made;
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(watched: Watchable, options?: PoolHealthOptions) {
    const pool = checkWatched('PoolHealthMonitor', watched);
    this.pool = pool;
    this.settings = readHealthOptions('PoolHealthMonitor', options);
    this.name = String(pool.name);
    this.window = new History(this.settings.windowMs);
    this.loans = new History(this.settings.leakAfterMs);
    const first = sampleOf(pool, this.settings.clock.nowMs());
    this.window.note(first);
    this.loans.note(first);
    this.found = { leaked: 0, sites: [] };
    this.verdict = judge(first, first, 0, this.settings);
    this.announced = this.verdict.level;
    this.plan();
  }

  /** The level of the last check. */
  get level(): PoolHealthLevel {
    return this.verdict.level;
  }

  /** Looks at the pool now. @throws what stats() of the pool throws */
  check(): PoolHealthLevel {
    if (this.checking) return this.verdict.level; // called by the stats() that it is asking
    this.checking = true;
    try {
      const now = sampleOf(this.pool, this.settings.clock.nowMs());
      this.judge(now);
    } finally {
      this.checking = false;
    }
    this.tell();
    return this.verdict.level;
  }

  /** What the last check measured. */
  metrics(): PoolHealthMetrics {
    const { name, checks, changes, callbackFailures, verdict } = this;
    return Object.freeze({ name, level: verdict.level, ...verdict.measured, checks, changes, callbackFailures });
  }

  /** Checks, and says why and who. @throws as check() */
  report(): PoolHealthReport {
    this.check();
    const { name, level, verdict, found } = this;
    const reasons = Object.freeze([...verdict.reasons]);
    return Object.freeze({ name, level, reasons, metrics: this.metrics(), leaks: Object.freeze([...found.sites]) });
  }

  /** Ends the checks by timer. Idempotent; check() works on. */
  stop(): void {
    this.stopped = true;
    if (this.timer !== null) this.settings.timers.stop(this.timer);
    this.timer = null;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  private judge(now: HealthSample): void {
    const { settings, window, loans } = this;
    window.rewind(now.atMs);
    loans.rewind(now.atMs);
    const since = loans.base(now.atMs) ?? now;
    this.found = findLeaks(this.pool, now, since, settings.leakAfterMs);
    this.verdict = judge(now, window.base(now.atMs) ?? now, this.found.leaked, settings);
    window.note(now);
    loans.note(now);
    this.checks += 1;
  }

  private tell(): void {
    const { level } = this.verdict;
    const previous = this.announced;
    if (level === previous || this.telling) return; // a check within onChange is told of at the next one
    this.announced = level;
    this.changes += 1;
    const { onChange } = this.settings;
    if (onChange === null) return;
    const failed = (): void => {
      this.callbackFailures += 1;
    };
    this.telling = true;
    try {
      ignoreFailure(onChange(level, previous), failed);
    } catch {
      failed();
    } finally {
      this.telling = false;
    }
  }

  private plan(): void {
    const { intervalMs, timers } = this.settings;
    if (intervalMs === null || this.stopped) return;
    this.timer = timers.start(() => {
      try {
        this.check();
      } catch {
        // The pool gave no statistics: the next check may get some.
      }
      if (this.over()) this.stop();
      this.plan();
    }, intervalMs);
  }

  /** Nothing will change any more. */
  private over(): boolean {
    return this.pool.closed === true && this.verdict.measured.size === 0;
  }
}
