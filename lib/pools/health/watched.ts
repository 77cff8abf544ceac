import { describe, memoryError } from '../../core';
import type { PoolStats } from '../base';

/** A loan, as a pool that traces its borrowers tells it. */
export interface TracedLoan {
  /** How long it has lasted, where the pool notes the time. */
  readonly heldMs?: number;
  /** Which request it served: what `stats().acquires` was with it. Tells its age without a clock. */
  readonly loan?: number;
  /** The stack of who took it, one frame a line. */
  readonly site?: string;
  readonly object?: unknown;
}

/** What can be watched: any pool of the package, and whatever has such statistics. */
export interface WatchedPool {
  readonly name: string;
  readonly closed?: boolean;
  stats(): PoolStats;
  /** All loans, the longest first, where they are traced. */
  leaks?(): readonly TracedLoan[];
}

/** The same, and classes whose `closed` TypeScript keeps to themselves: it is there all the same. */
export type Watchable = WatchedPool | Omit<WatchedPool, 'closed'>;

/** What the monitor reads of a pool at one moment. */
export interface HealthSample {
  readonly atMs: number;
  readonly acquires: number;
  readonly refusals: number;
  /** Loans that have ended, in whichever way. */
  readonly returns: number;
  readonly borrowed: number;
  readonly idle: number;
  readonly size: number;
  readonly waiting: number;
  readonly maxSize: number | null;
  readonly closed: boolean;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkWatched(where: string, pool: WatchedPool): WatchedPool {
  const given: unknown = pool;
  const isObject = (typeof given === 'object' || typeof given === 'function') && given !== null;
  if (isObject && typeof pool.stats === 'function') return pool;
  const what = isObject ? 'it has no stats()' : `got ${describe(given)}`;
  throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a pool was expected, ${what}`);
}

/** A count that is none is 0: the monitor must not fail because of what it watches. */
function count(value: unknown): number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : 0;
}

export function sampleOf(pool: WatchedPool, atMs: number): HealthSample {
  const stats = pool.stats();
  const given: unknown = stats;
  if (typeof given !== 'object' || given === null) {
    const what = `stats() of a watched pool must give an object, got ${describe(given)}`;
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `PoolHealthMonitor: ${what}`);
  }
  const acquires = count(stats.acquires);
  const borrowed = count(stats.borrowed);
  const { maxSize } = stats;
  return {
    atMs,
    acquires,
    refusals: count(stats.refusals),
    returns: Math.max(0, acquires - borrowed),
    borrowed,
    idle: count(stats.idle),
    size: count(stats.size),
    waiting: count(stats.waiting),
    maxSize: typeof maxSize === 'number' && maxSize > 0 && Number.isFinite(maxSize) ? maxSize : null,
    closed: pool.closed === true,
  };
}
