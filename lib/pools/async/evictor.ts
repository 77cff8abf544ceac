import type { Entry, IdleList } from './entry';
import type { Settings } from './options';

export interface EvictorHost<T extends object> {
  /** Takes the entry out of the idle ones and ends it. */
  evict(entry: Entry<T>): void;
  running(running: boolean): void;
}

/** Ends idle objects whose time is over. A timer is pending only while there are idle ones; it keeps no process alive. */
export class Evictor<T extends object> {
  /** Whether an object's time can be over at all. */
  readonly limited: boolean;
  private readonly settings: Settings<T>;
  private readonly idle: IdleList<T>;
  private readonly host: EvictorHost<T>;
  private timer: unknown = null;
  private stopped = false;

  constructor(settings: Settings<T>, idle: IdleList<T>, host: EvictorHost<T>) {
    this.settings = settings;
    this.idle = idle;
    this.host = host;
    const { idleTimeoutMs, softIdleTimeoutMs, maxAgeMs } = settings;
    this.limited = Math.min(idleTimeoutMs, softIdleTimeoutMs, maxAgeMs) !== Number.POSITIVE_INFINITY;
  }

  /** Zero where nobody asks for the time. */
  nowMs(): number {
    return this.limited ? this.settings.clock.nowMs() : 0;
  }

  isAged(entry: Entry<T>, nowMs: number): boolean {
    return nowMs - entry.madeMs >= this.settings.maxAgeMs;
  }

  /** Of an idle one: must not be lent. */
  isExpired(entry: Entry<T>, nowMs: number): boolean {
    return nowMs - entry.idleSinceMs >= this.settings.idleTimeoutMs || this.isAged(entry, nowMs);
  }

  /** There is an idle object. */
  wake(): void {
    if (this.timer !== null || this.stopped || this.settings.evictionRunIntervalMs === 0) return;
    this.arm();
    this.host.running(true);
  }

  stop(): void {
    this.stopped = true;
    if (this.timer === null) return;
    this.settings.timers.stop(this.timer);
    this.timer = null;
    this.host.running(false);
  }

  private arm(): void {
    this.timer = this.settings.timers.start(() => {
      this.run();
      if (this.stopped) return;
      this.timer = null;
      if (this.idle.length > 0) this.arm();
      else this.host.running(false);
    }, this.settings.evictionRunIntervalMs);
  }

  private run(): void {
    const { idle, settings } = this;
    const nowMs = this.nowMs();
    let left = Math.min(settings.numTestsPerEvictionRun, idle.length);
    for (; left > 0; left -= 1) {
      const entry = idle.cursor ?? idle.oldest;
      if (entry === null) return; // hooks may have taken them
      idle.cursor = entry.after;
      const soft = nowMs - entry.idleSinceMs >= settings.softIdleTimeoutMs && idle.length > settings.min;
      if (soft || this.isExpired(entry, nowMs)) this.host.evict(entry);
    }
  }
}
