import {
  type Clock,
  checkClock,
  checkFunction,
  checkInteger,
  checkNumber,
  checkOptions,
  checkTimers,
  type Duration,
  parseDuration,
  type Timers,
} from '../../core';

/** In rising order of concern. Failed: closed, or stuck at its bound. */
export const POOL_HEALTH_LEVELS = Object.freeze(['healthy', 'degraded', 'critical', 'failed'] as const);

export type PoolHealthLevel = (typeof POOL_HEALTH_LEVELS)[number];

export interface PoolHealthOptions {
  /** Over which time rates are counted. Default 60 s. */
  readonly windowMs?: Duration;
  /** A loan that is older is taken for a leak. Default 5 min. */
  readonly leakAfterMs?: Duration;
  /** Refused of all requests of the window; more is critical. Default 0.1. */
  readonly maxFailureRatio?: number;
  /** Loans that were due and did not end; also leaked objects of the bound. More is degraded. Default 0.05. */
  readonly maxLeakRatio?: number;
  /** Lent objects of the bound; more is degraded. Default 0.9. */
  readonly maxUtilizationRatio?: number;
  /** Fewer requests in the window say nothing about failures. Default 1. */
  readonly minRequests?: number;
  /** Checks by itself, by a timer that keeps no process alive. Default: only when asked. */
  readonly intervalMs?: Duration;
  /** Told of each change of level; what it throws is counted and goes no further. */
  readonly onChange?: (level: PoolHealthLevel, previous: PoolHealthLevel) => void;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly timers?: Timers;
}

export interface HealthSettings {
  readonly windowMs: number;
  readonly leakAfterMs: number;
  readonly maxFailureRatio: number;
  readonly maxLeakRatio: number;
  readonly maxUtilizationRatio: number;
  readonly minRequests: number;
  readonly intervalMs: number | null;
  readonly onChange: ((level: PoolHealthLevel, previous: PoolHealthLevel) => unknown) | null;
  readonly clock: Clock;
  readonly timers: Timers;
}

const KEYS = [
  'windowMs',
  'leakAfterMs',
  'maxFailureRatio',
  'maxLeakRatio',
  'maxUtilizationRatio',
  'minRequests',
  'intervalMs',
  'onChange',
  'clock',
  'timers',
] as const;

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readHealthOptions(where: string, options: PoolHealthOptions | undefined): HealthSettings {
  const given = checkOptions<PoolHealthOptions>(where, options, KEYS);
  const time = (key: 'windowMs' | 'leakAfterMs' | 'intervalMs', value: Duration): number =>
    checkNumber(`${where}: ${key}`, parseDuration(value, `${where}: ${key}`), 1, Number.MAX_SAFE_INTEGER);
  const ratio = (key: 'maxFailureRatio' | 'maxLeakRatio' | 'maxUtilizationRatio', otherwise: number): number =>
    checkNumber(`${where}: ${key}`, given[key] ?? otherwise, 0, 1);
  return {
    windowMs: time('windowMs', given.windowMs ?? 60_000),
    leakAfterMs: time('leakAfterMs', given.leakAfterMs ?? 300_000),
    maxFailureRatio: ratio('maxFailureRatio', 0.1),
    maxLeakRatio: ratio('maxLeakRatio', 0.05),
    maxUtilizationRatio: ratio('maxUtilizationRatio', 0.9),
    minRequests: checkInteger(`${where}: minRequests`, given.minRequests ?? 1, 1),
    intervalMs: given.intervalMs === undefined ? null : time('intervalMs', given.intervalMs),
    onChange: given.onChange === undefined ? null : checkFunction(`${where}: onChange`, given.onChange),
    clock: checkClock(where, given.clock),
    timers: checkTimers(where, given.timers),
  };
}
