import { describe, ignoreFailure, isMemoryError, memoryError, type PressureLevel } from '../../core';
import { isLevel } from '../scale';

/** What a source says at one moment. */
export interface SourceReading {
  readonly level: PressureLevel;
  /** What it measured: a share from 0 to 1, or a count; null where there is nothing to count. */
  readonly value: number | null;
  /** The measure in words, such as `0.93 of 536870912 bytes (/sys/fs/cgroup/memory.max)`. */
  readonly detail: string;
}

/**
 * Somebody who can tell how short memory is. Anything of this shape will do.
 *
 * Rules: `read` is quick and synchronous; it throws where it cannot tell (the monitor makes that an event and tries again
 * later). `start` and `stop` may come several times; what they open must not keep the process alive.
 */
export interface PressureSource {
  readonly name: string;
  /** `event` once something was seen to arrive by itself; `poll` while it is read at each tick only. Default `poll`. */
  readonly mode?: 'poll' | 'event';
  /** @param wake asks for a reading soon; cheap, may be called from anywhere and as often as one likes */
  start?(wake: () => void): void;
  stop?(): void;
  /** @param nowMs the monitor's clock */
  read(nowMs: number): SourceReading;
}

/** What is known of a source now. */
export interface SourceStatus {
  readonly name: string;
  readonly mode: 'poll' | 'event';
  /** Unknown: not read yet. An unavailable one counts as none. */
  readonly state: 'unknown' | 'available' | 'unavailable';
  readonly level: PressureLevel;
  readonly value: number | null;
  readonly detail: string;
  /** Why it is unavailable, and what would help; null otherwise. */
  readonly reason: string | null;
  readonly hint: string | null;
  /** Clock time of the last change of `state`. */
  readonly sinceMs: number | null;
  /** Readings that failed so far. */
  readonly failures: number;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkSource(where: string, source: PressureSource): PressureSource {
  if (isSource(source)) return source;
  throw memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: a source must have a name and read(), with start() and stop() where it needs them, got ${describe(source)}`,
  );
}

function isSource(source: unknown): boolean {
  try {
    const { name, read, start, stop } = (source ?? {}) as Partial<PressureSource>;
    const optional = [start, stop].every((one) => one === undefined || typeof one === 'function');
    return typeof name === 'string' && name !== '' && typeof read === 'function' && optional;
  } catch {
    return false;
  }
}

/** An error to throw from `read`: this source cannot tell. */
export function unavailable(reason: string, hint?: string, cause?: unknown): Error {
  return memoryError('ERR_MEMORY_UNSUPPORTED', reason, { hint, cause });
}

/** Journals keep what sources and errors say. */
const LONGEST_TEXT = 1000;

/** Keeps a source's state and keeps its failures away from the monitor. */
export class SourceSlot {
  readonly source: PressureSource;
  private readonly onFailure: (error: unknown) => void;
  private state: SourceStatus['state'] = 'unknown';
  private reading: SourceReading | null = null;
  private reason: string | null = null;
  private hint: string | null = null;
  private sinceMs: number | null = null;
  private retryAtMs = 0;
  private failures = 0;
  private started = false;
  /** Counts the stops: a reading of before one is none of after it. */
  private stops = 0;

  constructor(source: PressureSource, onFailure: (error: unknown) => void) {
    this.source = source;
    this.onFailure = onFailure;
  }

  get level(): PressureLevel {
    return this.reading?.level ?? 'none';
  }

  /** A second call does nothing, and neither does one of stop() before it. */
  start(wake: () => void): void {
    if (this.started) return;
    this.started = true;
    const soon = (): void => {
      if (!this.started) return;
      this.retryAtMs = Number.NEGATIVE_INFINITY; // who tells by itself can tell again
      wake();
    };
    this.guarded(() => this.source.start?.(soon));
  }

  stop(): void {
    if (!this.started) return;
    this.started = false;
    this.stops += 1;
    this.state = 'unknown';
    this.reading = null;
    this.guarded(() => this.source.stop?.());
  }

  /** Reads, unless it failed less than `retryMs` ago. True when it became available or unavailable by that. */
  read(nowMs: number, retryMs: number): boolean {
    const { state, stops } = this;
    if (state === 'unavailable' && nowMs < this.retryAtMs) return false;
    try {
      const reading = checkReading(this.source.read(nowMs));
      if (stops !== this.stops) return false; // who reads may stop the monitor
      this.reading = reading;
      this.reason = null;
      this.hint = null;
      this.state = 'available';
    } catch (error) {
      this.failures += 1;
      if (stops !== this.stops) return false;
      this.reading = null;
      this.reason = reasonOf(error);
      this.hint = isMemoryError(error) ? (error.hint ?? null) : null;
      this.state = 'unavailable';
      this.retryAtMs = nowMs + retryMs;
    }
    if (this.state === state) return false;
    this.sinceMs = nowMs;
    // Being there from the first reading on is no news.
    return !(state === 'unknown' && this.state === 'available');
  }

  status(): SourceStatus {
    const { state, reason, hint, sinceMs, failures, level } = this;
    const value = this.reading?.value ?? null;
    const detail = this.reading?.detail ?? '';
    return Object.freeze({ ...this.identity(), state, level, value, detail, reason, hint, sinceMs, failures });
  }

  private identity(): Pick<SourceStatus, 'name' | 'mode'> {
    try {
      return { name: String(this.source.name), mode: this.source.mode === 'event' ? 'event' : 'poll' };
    } catch {
      return { name: 'unnamed', mode: 'poll' };
    }
  }

  private guarded(work: () => unknown): void {
    try {
      ignoreFailure(work(), this.onFailure);
    } catch (error) {
      this.onFailure(error);
    }
  }
}

function checkReading(reading: SourceReading): SourceReading {
  const { level, value, detail } = (reading ?? {}) as Partial<SourceReading>;
  if (!isLevel(level)) {
    ignoreFailure(reading); // a promise is no reading, and may fail
    throw unavailable(`it answered with ${describe(reading)} and no level`);
  }
  return {
    level,
    value: typeof value === 'number' && Number.isFinite(value) ? value : null,
    detail: typeof detail === 'string' ? detail.slice(0, LONGEST_TEXT) : '',
  };
}

/** The words of whatever was thrown. Never throws. */
export function reasonOf(error: unknown): string {
  try {
    // By its shape: errors of other realms are none of this one's Error.
    const message: unknown = (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' && message !== '' ? message.slice(0, LONGEST_TEXT) : describe(error);
  } catch {
    return 'an error that cannot be printed';
  }
}
