import {
  type Clock,
  checkBoolean,
  checkClock,
  checkOptions,
  checkTimers,
  type Duration,
  describe,
  memoryError,
  parseDuration,
  type Timers,
} from '../../core';
import { SYNC_POOL_OPTIONS, type SyncPoolOptions } from '../base';

export interface TtlPoolOptions<T> extends SyncPoolOptions<T> {
  /** An object that was idle so long is ended. Default: 5 minutes, or no limit where `maxAgeMs` is given. */
  readonly idleMs?: Duration;
  /** An object that was made so long ago is ended, as soon as it is not lent. Default: no limit. */
  readonly maxAgeMs?: Duration;
  /** Whether a timer ends what expires while nobody calls. It never keeps the process alive. Default true. */
  readonly timer?: boolean;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly timers?: Timers;
}

const KEYS = [...SYNC_POOL_OPTIONS, 'idleMs', 'maxAgeMs', 'timer', 'clock', 'timers'] as const;
const DEFAULT_IDLE_MS = 300_000;

export interface TtlSettings {
  /** Infinity without a limit, as maxAgeMs. */
  readonly idleMs: number;
  readonly maxAgeMs: number;
  readonly timer: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
}

function readSpan(name: string, value: Duration): number {
  const ms = parseDuration(value, name);
  if (ms > 0) return ms;
  throw memoryError('ERR_MEMORY_OUT_OF_RANGE', `${name} must be more than 0 ms, got ${describe(value)}`);
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readTtlOptions<T>(
  where: string,
  options: TtlPoolOptions<T> | undefined,
): { readonly shared: TtlPoolOptions<T>; readonly own: TtlSettings } {
  const given = checkOptions<TtlPoolOptions<T>>(where, options, KEYS);
  const { timer = true } = given;
  const clock = checkClock(where, given.clock);
  const timers = checkTimers(where, given.timers);
  const maxAgeMs = given.maxAgeMs === undefined ? Infinity : readSpan(`${where}: maxAgeMs`, given.maxAgeMs);
  const byDefault = given.maxAgeMs === undefined ? DEFAULT_IDLE_MS : Infinity;
  const own: TtlSettings = {
    idleMs: given.idleMs === undefined ? byDefault : readSpan(`${where}: idleMs`, given.idleMs),
    maxAgeMs,
    timer: checkBoolean(`${where}: timer`, timer),
    clock,
    timers,
  };
  return { shared: given, own };
}
