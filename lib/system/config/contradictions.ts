import { formatBytes } from '../../core';
import type { ConfigPath, ConfigValues } from './table';

/** Two or more values that cannot hold together. */
export interface Contradiction {
  /** The field that is told first, and those it fights with. */
  readonly paths: readonly ConfigPath[];
  readonly message: string;
}

interface Rule {
  readonly paths: readonly ConfigPath[];
  /** What is wrong, or null. */
  readonly find: (values: ConfigValues) => string | null;
}

type Size = (values: ConfigValues) => number | string;

/** One size may not be more than another; words such as `none` limit nothing. */
function atMost(paths: readonly [ConfigPath, ConfigPath], size: Size, limit: Size, why: string): Rule {
  const find = (values: ConfigValues): string | null => {
    const [small, large] = [size(values), limit(values)];
    if (typeof small !== 'number' || typeof large !== 'number' || small <= large) return null;
    return `${paths[0]} (${formatBytes(small)}) is more than ${paths[1]} (${formatBytes(large)}): ${why}`;
  };
  return { paths, find };
}

/** Distance of two blocks of a pool: sizes are rounded up to 8 bytes. */
export function blockStride(blockBytes: number): number {
  return Math.ceil(blockBytes / 8) * 8;
}

function toPages(bytes: number): number {
  return Math.ceil(bytes / 4096) * 4096;
}

type RatioName = `${'low' | 'medium' | 'high' | 'critical'}${'Enter' | 'Leave'}Ratio`;

/** Of two ratios the first must be the smaller one. */
function below(small: RatioName, large: RatioName, why: string, orEqual: boolean = false): Rule {
  return {
    paths: [`monitor.${small}`, `monitor.${large}`],
    find: ({ monitor }) => {
      const [a, b] = [monitor[small], monitor[large]];
      if (a < b || (orEqual && a === b)) return null;
      return `monitor.${small} (${a}) is not below monitor.${large} (${b}): ${why}`;
    },
  };
}

const FLUTTER = 'a level must be left below where it is entered, or it would flutter';
const ASCEND = 'thresholds rise from level to level';

type UpTo = `${'stack' | 'pool' | 'arena'}UpToBytes`;

/** Thresholds of two tiers, where both are there. */
function tiersRise(small: UpTo, large: UpTo): Rule {
  return {
    paths: [`system.${small}`, `system.${large}`],
    find: ({ system }) => {
      const [a, b] = [system[small], system[large]];
      if (typeof a !== 'number' || typeof b !== 'number' || a < b) return null;
      return `system.${small} (${formatBytes(a)}) is not below system.${large} (${formatBytes(b)}): nothing would reach the tier`;
    },
  };
}

const RULES: readonly Rule[] = [
  tiersRise('stackUpToBytes', 'poolUpToBytes'),
  tiersRise('poolUpToBytes', 'arenaUpToBytes'),
  tiersRise('stackUpToBytes', 'arenaUpToBytes'),
  atMost(
    ['system.poolBytes', 'system.poolMaxBytes'],
    ({ system }) => system.poolBytes,
    ({ system }) => system.poolMaxBytes,
    'one heap would be more than all',
  ),
  atMost(
    ['system.arenaChunkBytes', 'system.arenaBytes'],
    ({ system }) => system.arenaChunkBytes,
    ({ system }) => system.arenaBytes,
    'the first chunk of an arena would be more than the arena',
  ),
  below('lowLeaveRatio', 'lowEnterRatio', FLUTTER),
  below('mediumLeaveRatio', 'mediumEnterRatio', FLUTTER),
  below('highLeaveRatio', 'highEnterRatio', FLUTTER),
  below('criticalLeaveRatio', 'criticalEnterRatio', FLUTTER),
  below('lowEnterRatio', 'mediumEnterRatio', ASCEND),
  below('mediumEnterRatio', 'highEnterRatio', ASCEND),
  below('highEnterRatio', 'criticalEnterRatio', ASCEND),
  below('lowLeaveRatio', 'mediumLeaveRatio', ASCEND, true),
  below('mediumLeaveRatio', 'highLeaveRatio', ASCEND, true),
  below('highLeaveRatio', 'criticalLeaveRatio', ASCEND, true),
  atMost(
    ['arena.chunkBytes', 'arena.maxChunkBytes'],
    ({ arena }) => toPages(arena.chunkBytes),
    ({ arena }) => toPages(arena.maxChunkBytes),
    'growth would end before it begins',
  ),
  atMost(
    ['arena.chunkBytes', 'arena.limitBytes'],
    ({ arena }) => toPages(arena.chunkBytes),
    ({ arena }) => arena.limitBytes,
    'an arena could not have its first chunk',
  ),
  {
    paths: ['pool.blocks', 'pool.maxBytes', 'pool.blockBytes'],
    find: ({ pool }) => {
      const needed = pool.blocks * blockStride(pool.blockBytes);
      if (needed <= pool.maxBytes) return null;
      return (
        `pool.blocks (${pool.blocks}) of pool.blockBytes (${formatBytes(pool.blockBytes)}) need ${formatBytes(needed)}, ` +
        `more than pool.maxBytes (${formatBytes(pool.maxBytes)})`
      );
    },
  },
  atMost(
    ['allocator.capacityBytes', 'budget.limitBytes'],
    ({ allocator }) => allocator.capacityBytes,
    ({ budget }) => budget.limitBytes,
    'the allocator could never be made',
  ),
  {
    paths: ['allocator.guard', 'allocator.quarantineBytes', 'allocator.capacityBytes'],
    find: ({ allocator }) => {
      if (!allocator.guard || allocator.quarantineBytes < allocator.capacityBytes) return null;
      return (
        `allocator.quarantineBytes (${formatBytes(allocator.quarantineBytes)}) would hold back all of ` +
        `allocator.capacityBytes (${formatBytes(allocator.capacityBytes)})`
      );
    },
  },
  atMost(
    ['arena.chunkBytes', 'budget.limitBytes'],
    ({ arena }) => toPages(arena.chunkBytes),
    ({ budget }) => budget.limitBytes,
    'an arena could not have its first chunk',
  ),
  atMost(
    ['arena.bufferBytes', 'budget.limitBytes'],
    ({ arena }) => toPages(arena.bufferBytes),
    ({ budget }) => budget.limitBytes,
    'a stream could not have its first buffer',
  ),
  atMost(
    ['budget.childLimitBytes', 'budget.limitBytes'],
    ({ budget }) => budget.childLimitBytes,
    ({ budget }) => budget.limitBytes,
    'a child cannot have more than its parent',
  ),
  atMost(
    ['budget.childGuaranteedBytes', 'budget.childLimitBytes'],
    ({ budget }) => budget.childGuaranteedBytes,
    ({ budget }) => budget.childLimitBytes,
    'what is guaranteed must be allowed',
  ),
  atMost(
    ['budget.childGuaranteedBytes', 'budget.limitBytes'],
    ({ budget }) => budget.childGuaranteedBytes,
    ({ budget }) => budget.limitBytes,
    'a parent cannot guarantee what it does not have',
  ),
  atMost(
    ['budget.quantumBytes', 'budget.limitBytes'],
    ({ budget }) => budget.quantumBytes,
    ({ budget }) => budget.limitBytes,
    'a step cannot be larger than the whole',
  ),
];

/** Everything in the values that cannot hold together. */
export function findContradictions(values: ConfigValues): Contradiction[] {
  return RULES.flatMap(({ paths, find }) => {
    const message = find(values);
    return message === null ? [] : [{ paths, message }];
  });
}
