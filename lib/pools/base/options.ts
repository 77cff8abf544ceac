import { checkBoolean, checkInteger, checkOneOf, checkOptions, checkString, describe, memoryError } from '../../core';
import { readCallbacks, type SyncPoolCallbacks } from './hooks';

/** How many objects a request makes when none is free: the first is its own, the others wait for the next ones. */
export type PoolGrowth = 'none' | 'double' | { readonly fixed: number } | { readonly percent: number };

/** When `validate` is asked. */
export type ValidateOn = 'acquire' | 'release' | 'both' | 'none';

/** What all pools of one thread with synchronous hooks understand. */
export interface SyncPoolOptions<T> {
  /** For errors and reports. Default: the kind of pool. */
  readonly name?: string;
  /** The bound: idle, lent and in the hands of a hook together. Default null: none. */
  readonly maxSize?: number | null;
  /** Objects that trim() and the shrink policy leave. Made at construction. Default 0. */
  readonly minSize?: number;
  /** Objects made at construction. Default: `minSize`. */
  readonly initialSize?: number;
  /** More idle ones are ended as they come back. Default null: no limit. */
  readonly maxIdle?: number | null;
  /**
   * `{ fixed: 1 }` (default): what was asked for; `{ percent }` of the size, rounded up; `'double'`: as many again;
   * `'none'`: never more objects than `initialSize`, which is the bound then.
   */
  readonly growth?: PoolGrowth;
  /** Default: `'acquire'` where there is a `validate` hook. */
  readonly validateOn?: ValidateOn;
  readonly callbacks?: SyncPoolCallbacks<T>;
  /** Notes who borrowed each object, for leaks(). Costs microseconds an acquire(). Default false. */
  readonly traceBorrowers?: boolean;
}

export const SYNC_POOL_OPTIONS = [
  'name',
  'maxSize',
  'minSize',
  'initialSize',
  'maxIdle',
  'growth',
  'validateOn',
  'callbacks',
  'traceBorrowers',
] as const;

/** More objects than these are made by no single call. */
export const MOST_AT_ONCE = 2 ** 24;

export interface SyncPoolSettings<T> {
  readonly name: string;
  readonly maxSize: number;
  readonly minSize: number;
  readonly initialSize: number;
  readonly maxIdle: number;
  /** How many are made at once at this size, at least 1. */
  readonly step: (size: number) => number;
  readonly validateOn: ValidateOn;
  readonly callbacks: SyncPoolCallbacks<T>;
  readonly traceBorrowers: boolean;
}

const one = (): number => 1;

function readStep(where: string, growth: PoolGrowth | undefined): (size: number) => number {
  if (growth === undefined || growth === 'none') return one;
  if (growth === 'double') return (size) => Math.max(1, size);
  if (typeof growth !== 'object' || growth === null) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: growth must be 'none', 'double', { fixed } or { percent }, got ${describe(growth)}`,
    );
  }
  const both = checkOptions<{ fixed?: number; percent?: number }>(`${where}: growth`, growth, ['fixed', 'percent']);
  if ((both.fixed === undefined) === (both.percent === undefined)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: growth needs either fixed or percent`);
  }
  if (both.fixed !== undefined) {
    const fixed = checkInteger(`${where}: growth.fixed`, both.fixed, 1, MOST_AT_ONCE);
    return fixed === 1 ? one : () => fixed;
  }
  const percent = checkInteger(`${where}: growth.percent`, both.percent, 1, 1000);
  return (size) => Math.max(1, Math.ceil((size * percent) / 100));
}

function limit(name: string, value: number | null | undefined, min: number): number {
  return value === undefined || value === null ? Number.POSITIVE_INFINITY : checkInteger(name, value, min);
}

/**
 * Reads what all of them understand from options that were checked for their keys.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
 */
export function readSyncPoolOptions<T>(
  where: string,
  options: SyncPoolOptions<T>,
  defaults: { readonly name: string; readonly validates: boolean },
): SyncPoolSettings<T> {
  const given = options;
  const bound = limit(`${where}: maxSize`, given.maxSize, 1);
  const maxIdle = limit(`${where}: maxIdle`, given.maxIdle, 0);
  const most = Math.min(bound, maxIdle, MOST_AT_ONCE);
  const { minSize: floor = 0, initialSize: first = floor } = given;
  const minSize = checkInteger(`${where}: minSize`, floor, 0, most);
  const initialSize = checkInteger(`${where}: initialSize`, first, minSize, most);
  const step = readStep(where, given.growth);
  const fixed = given.growth === 'none';
  if (fixed && initialSize === 0) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a pool that does not grow needs an initialSize`);
  }
  const { validateOn: when = defaults.validates ? 'acquire' : 'none' } = given;
  const validateOn = checkOneOf(`${where}: validateOn`, when, ['acquire', 'release', 'both', 'none']);
  if (validateOn !== 'none' && !defaults.validates) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: validateOn needs a validate hook`);
  }
  return {
    name: given.name === undefined ? defaults.name : checkString(`${where}: name`, given.name),
    maxSize: fixed ? initialSize : bound,
    minSize,
    initialSize,
    maxIdle,
    step,
    validateOn,
    callbacks: readCallbacks(where, given.callbacks),
    traceBorrowers:
      given.traceBorrowers === undefined ? false : checkBoolean(`${where}: traceBorrowers`, given.traceBorrowers),
  };
}
