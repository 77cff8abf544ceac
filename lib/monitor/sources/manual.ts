import { checkOneOf, checkString, PRESSURE_LEVELS, type PressureLevel } from '../../core';
import { type PressureSource, type SourceReading, unavailable } from './source';

/**
 * A source that says what it is told: for tests, and for signals that come from somewhere else (an orchestrator, an
 * operator). A change is noticed at once.
 */
export class ManualSource implements PressureSource {
  readonly name: string;
  readonly mode = 'event';
  private current: PressureLevel = 'none';
  private failure: string | null = null;
  private wake: (() => void) | null = null;

  constructor(name: string = 'manual') {
    this.name = checkString('ManualSource: name', name, 200);
  }

  get level(): PressureLevel {
    return this.current;
  }

  /** @throws ERR_MEMORY_INVALID_ARGUMENT */
  set(level: PressureLevel): void {
    this.current = checkOneOf('ManualSource.set: level', level, PRESSURE_LEVELS);
    this.failure = null;
    this.wake?.();
  }

  /** From now on it cannot tell, until the next set(). */
  fail(reason: string = 'made to fail'): void {
    this.failure = checkString('ManualSource.fail: reason', reason);
    this.wake?.();
  }

  start(wake: () => void): void {
    this.wake = wake;
  }

  stop(): void {
    this.wake = null;
  }

  read(): SourceReading {
    if (this.failure !== null) throw unavailable(this.failure);
    return { level: this.current, value: null, detail: 'set by hand' };
  }
}
