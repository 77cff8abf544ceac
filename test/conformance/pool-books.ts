import type { PoolStats } from '../../lib/pools';

const COUNTS = [
  'idle',
  'borrowed',
  'size',
  'waiting',
  'acquires',
  'releases',
  'hits',
  'misses',
  'refusals',
  'creates',
  'disposals',
  'detached',
  'invalid',
  'expired',
  'peakBorrowed',
  'peakSize',
] as const;

/** What is wrong with the statistics of a pool: whatever it did, they add up. `quiet`: no hook runs and nothing ends. */
export function wrongBooks(stats: PoolStats, quiet: boolean = true): string[] {
  const { idle, borrowed, size, maxSize, acquires, hits, misses, creates, disposals, detached } = stats;
  const rules: Record<string, boolean> = {
    'all are counts': COUNTS.every((key) => Number.isSafeInteger(stats[key]) && stats[key] >= 0),
    'acquires = hits + misses': acquires === hits + misses,
    'idle + borrowed <= size': idle + borrowed <= size,
    'size <= maxSize': maxSize === null || size <= maxSize,
    'peaks are peaks':
      stats.peakBorrowed >= borrowed &&
      stats.peakSize >= (quiet ? size : borrowed) &&
      stats.peakSize <= (maxSize ?? Infinity),
    'returns <= acquires': stats.releases + detached + borrowed <= acquires,
  };
  if (quiet) {
    rules['invalid and expired are disposals'] = stats.invalid + stats.expired <= disposals;
    rules['idle + borrowed = size'] = idle + borrowed === size;
    rules['creates - disposals - detached = size'] = creates - disposals - detached === size;
  }
  const broken = Object.keys(rules).filter((rule) => rules[rule] !== true);
  return broken.map((rule) => `${rule}: ${JSON.stringify(stats)}`);
}

export function expectBooks(stats: PoolStats, quiet: boolean = true): void {
  expect(wrongBooks(stats, quiet)).toEqual([]);
}
