import { checkInteger, checkOneOf, checkOptions } from '../../core';

/**
 * How much is recorded.
 *
 * - `off`: nothing; calls are passed on.
 * - `simple`: counters, and the nearest line of code of one allocation in `sampleInterval`.
 * - `advanced`: the same with `stackDepth` frames.
 * - `paranoid`: every allocation with its stack, and every wrong free is told.
 */
export const TRACKING_LEVELS = Object.freeze(['off', 'simple', 'advanced', 'paranoid'] as const);

export type TrackingLevel = (typeof TRACKING_LEVELS)[number];

export interface TrackedOptions {
  /** Default `simple`. */
  readonly level?: TrackingLevel;
  /** One allocation in so many is recorded at `simple` and `advanced`, at random distances; default 128. */
  readonly sampleInterval?: number;
  /** Frames kept at `advanced` and `paranoid`, 1 to 64, default 10. */
  readonly stackDepth?: number;
  /** Different stacks that are told apart, default 10 000; later ones are counted together. */
  readonly maxSites?: number;
  /** Start of the generator of the sampling distances, default 1. */
  readonly seed?: number;
  readonly name?: string;
}

export type TrackedSettings = Required<Omit<TrackedOptions, 'name'>> & { readonly interval: number };

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function readTrackedOptions(options: TrackedOptions): TrackedSettings {
  const where = 'TrackedAllocator';
  const given = checkOptions(where, options, [
    ...(['level', 'sampleInterval', 'stackDepth', 'maxSites', 'seed', 'name'] as const),
  ]);
  const level = checkOneOf(`${where}: level`, given.level ?? 'simple', TRACKING_LEVELS);
  const sampleInterval = checkInteger(`${where}: sampleInterval`, given.sampleInterval ?? 128, 1, 2 ** 30);
  return {
    level,
    sampleInterval,
    stackDepth: checkInteger(`${where}: stackDepth`, given.stackDepth ?? 10, 1, 64),
    maxSites: checkInteger(`${where}: maxSites`, given.maxSites ?? 10_000, 1, 1_000_000),
    seed: checkInteger(`${where}: seed`, given.seed ?? 1, 0, 2 ** 32 - 1),
    interval: level === 'paranoid' ? 1 : sampleInterval,
  };
}
