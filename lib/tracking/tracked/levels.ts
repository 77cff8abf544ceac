import { checkInteger, checkOneOf, checkOptions } from '../../core';

/**
 * How much is recorded.
 *
 * - `off`: nothing; calls are passed on.
 * - `simple`: counters, and the nearest line of code of one allocation in `sampleInterval`, 1024.
 * - `advanced`: the same of one in 128, with `stackDepth` frames.
 * - `paranoid`: every allocation with its stack, and every wrong free is told.
 */
export const TRACKING_LEVELS = Object.freeze(['off', 'simple', 'advanced', 'paranoid'] as const);

/** One of {@link TRACKING_LEVELS}. */
export type TrackingLevel = (typeof TRACKING_LEVELS)[number];

/** How much a TrackedAllocator records. */
export interface TrackedOptions {
  /** Default `simple`. */
  readonly level?: TrackingLevel;
  /**
   * One allocation in so many is recorded at `simple` (default 1024) and `advanced` (128), at random distances; null records
   * none: counters only.
   */
  readonly sampleInterval?: number | null;
  /** Frames kept at `advanced` and `paranoid`, 1 to 64, default 10. */
  readonly stackDepth?: number;
  /** Different stacks that are told apart, default 10 000; later ones are counted together. */
  readonly maxSites?: number;
  /** Start of the generator of the sampling distances, default 1. */
  readonly seed?: number;
  /** For statistics and errors. Default: the kind of the adaptor around the inner name. */
  readonly name?: string;
}

/** `interval` is 1 where every allocation is recorded, 0 where none is. */
export type TrackedSettings = Required<Omit<TrackedOptions, 'name' | 'sampleInterval'>> & { readonly interval: number };

const INTERVALS: Readonly<Record<TrackingLevel, number>> = { off: 0, simple: 1024, advanced: 128, paranoid: 1 };

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readTrackedOptions(options: TrackedOptions): TrackedSettings {
  const where = 'TrackedAllocator';
  const given = checkOptions(where, options, [
    ...(['level', 'sampleInterval', 'stackDepth', 'maxSites', 'seed', 'name'] as const),
  ]);
  const level = checkOneOf(`${where}: level`, given.level ?? 'simple', TRACKING_LEVELS);
  const interval =
    given.sampleInterval === null
      ? 0
      : checkInteger(`${where}: sampleInterval`, given.sampleInterval ?? (INTERVALS[level] || 1), 1, 2 ** 30);
  return {
    level,
    stackDepth: checkInteger(`${where}: stackDepth`, given.stackDepth ?? 10, 1, 64),
    maxSites: checkInteger(`${where}: maxSites`, given.maxSites ?? 10_000, 1, 1_000_000),
    seed: checkInteger(`${where}: seed`, given.seed ?? 1, 0, 2 ** 32 - 1),
    interval: level === 'off' || level === 'paranoid' ? INTERVALS[level] : interval,
  };
}
