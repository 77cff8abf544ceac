import {
  type Allocator,
  type ByteSize,
  checkOptions,
  describe,
  type MemoryError,
  memoryError,
  PRESSURE_LEVELS,
  type PressureLevel,
  type PressureSignal,
  parseBytes,
} from '../core';
import { AllocatorAdaptor, nameIn } from './base';

/** Largest block that is granted at each level, in bytes; null grants all, 0 refuses all. */
export type PressureLimits = { readonly [level in PressureLevel]?: ByteSize | null };

/** Whose signal limits blocks, and to what. */
export interface MonitoredOptions {
  /** Kept up to date by somebody else; only its `level` is read, once an allocation. */
  readonly signal: PressureSignal;
  /** Default: high 64 KiB, critical 4 KiB, no limit at the other levels. */
  readonly limits?: PressureLimits;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
}

/** What is granted under pressure when nothing else is said. */
export const DEFAULT_PRESSURE_LIMITS: Readonly<Record<PressureLevel, number | null>> = Object.freeze({
  none: null,
  low: null,
  medium: null,
  high: 64 * 1024,
  critical: 4 * 1024,
});

/**
 * Refuses large blocks while memory is short, so that what is left lasts for the small ones. Costs a property read an
 * allocation, never a system call.
 *
 * A refusal is ERR_MEMORY_OUT_OF_MEMORY, and -1 from `tryAllocate`: it is the machine that is short, neither this
 * allocator nor a budget, and the same call may succeed once the pressure is gone. Frees are never refused. A signal that
 * throws, knows another word or asks this very allocator limits nothing: `signalFailures` counts how often.
 */
export class MonitoredAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  /** What is read at each allocation. */
  readonly signal: PressureSignal;
  /** Largest block at each level, in bytes; null grants all. */
  readonly limits: Readonly<Record<PressureLevel, number | null>>;
  private denials = 0;
  private misreadings = 0;
  private reading = false;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: MonitoredOptions) {
    super('monitored', inner, nameIn(options));
    const { signal, limits } = checkOptions('MonitoredAllocator', options, ['signal', 'limits', 'name']);
    if (typeof signal !== 'object' || signal === null) {
      throw memoryError(
        'ERR_MEMORY_INVALID_ARGUMENT',
        `MonitoredAllocator: signal must be an object with a level, got ${describe(signal)}`,
      );
    }
    this.signal = signal;
    this.limits = readLimits(limits);
  }

  /** Requests that were refused for pressure. */
  get deniedAllocations(): number {
    return this.denials;
  }

  /** Readings of the signal that threw, made no sense or came from the signal itself: these requests were granted. */
  get signalFailures(): number {
    return this.misreadings;
  }

  override allocate(byteLength: number, alignment?: number): number {
    const limit = this.limitNow();
    if (typeof byteLength === 'number' && byteLength > limit && this.isRequest(byteLength, alignment))
      throw this.denied(byteLength, limit);
    return this.inner.allocate(byteLength, alignment);
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    const limit = this.limitNow();
    if (typeof byteLength === 'number' && byteLength > limit && this.isRequest(byteLength, alignment)) {
      this.refused++;
      this.denials++;
      return -1;
    }
    return this.inner.tryAllocate(byteLength, alignment);
  }

  private limitNow(): number {
    if (!this.reading) {
      this.reading = true;
      try {
        const limit: unknown = this.limits[this.signal.level];
        if (limit === null) return Number.POSITIVE_INFINITY;
        if (typeof limit === 'number') return limit;
      } catch {
        // Counted below: a broken monitor must not take the service down.
      } finally {
        this.reading = false;
      }
    }
    this.misreadings++;
    return Number.POSITIVE_INFINITY;
  }

  private denied(byteLength: number, limit: number): MemoryError {
    this.refused++;
    this.denials++;
    return memoryError(
      'ERR_MEMORY_OUT_OF_MEMORY',
      `${this.name}: ${byteLength} bytes are refused under memory pressure: at most ${limit} bytes a block now`,
      {
        requestedBytes: byteLength,
        limitBytes: limit,
        source: this.name,
        hint: 'Free what can be computed again and try later, or ask for smaller blocks.',
      },
    );
  }
}

function readLimits(given: PressureLimits | undefined): Readonly<Record<PressureLevel, number | null>> {
  const checked = checkOptions<PressureLimits>('MonitoredAllocator: limits', given, PRESSURE_LEVELS);
  const limits: Record<PressureLevel, number | null> = { ...DEFAULT_PRESSURE_LIMITS };
  for (const level of PRESSURE_LEVELS) {
    const value = checked[level];
    if (value === undefined) continue;
    limits[level] = value === null ? null : parseBytes(value, `MonitoredAllocator: limits.${level}`);
  }
  return Object.freeze(limits);
}
