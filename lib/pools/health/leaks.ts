import type { HealthSample, TracedLoan, WatchedPool } from './watched';

/** Loans that last too long, by the place that took them. */
export interface PoolLeakSite {
  /** The stack of the borrower, one frame a line. */
  readonly site: string;
  readonly count: number;
  /** The longest loan, in milliseconds; null where the pool notes no time. */
  readonly heldMs: number | null;
}

export interface FoundLeaks {
  readonly leaked: number;
  /** Those with the most loans first. */
  readonly sites: readonly PoolLeakSite[];
}

const UNKNOWN = '(unknown: the pool does not trace its borrowers)';

/**
 * Loans that were there at the base and cannot have ended since: sound without any trace, and less than the truth where
 * other loans ended meanwhile.
 */
function atLeast(now: HealthSample, base: HealthSample, leakAfterMs: number): number {
  if (now.atMs - base.atMs < leakAfterMs) return 0;
  return Math.max(0, Math.min(now.borrowed, base.borrowed - (now.returns - base.returns)));
}

function tracedLoans(pool: WatchedPool): readonly TracedLoan[] {
  if (typeof pool.leaks !== 'function') return [];
  try {
    const loans: unknown = pool.leaks();
    return Array.isArray(loans) ? loans.filter((loan) => typeof loan === 'object' && loan !== null) : [];
  } catch {
    return []; // it cannot tell: what is certain without it remains
  }
}

/** @param base the pool `leakAfterMs` ago, or as early as it was watched */
export function findLeaks(pool: WatchedPool, now: HealthSample, base: HealthSample, leakAfterMs: number): FoundLeaks {
  const certain = atLeast(now, base, leakAfterMs);
  const isOldEnough = now.atMs - base.atMs >= leakAfterMs;
  const loans = tracedLoans(pool);
  const old = loans.filter(({ heldMs, loan }) => {
    if (typeof heldMs === 'number') return heldMs >= leakAfterMs;
    return typeof loan === 'number' && isOldEnough && loan <= base.acquires;
  });
  const leaked = Math.min(now.borrowed, Math.max(certain, old.length));
  if (leaked === 0) return { leaked, sites: [] };
  // Without times the longest are meant, and those come first.
  const suspects = old.length > 0 ? old : loans.slice(0, leaked);
  return { leaked, sites: bySite(suspects.length > 0 ? suspects : new Array<TracedLoan>(leaked).fill({})) };
}

function bySite(loans: readonly TracedLoan[]): PoolLeakSite[] {
  const found = new Map<string, { count: number; heldMs: number | null }>();
  for (const { site, heldMs } of loans) {
    const key = typeof site === 'string' && site !== '' ? site : UNKNOWN;
    const entry = found.get(key) ?? { count: 0, heldMs: null };
    entry.count += 1;
    if (typeof heldMs === 'number') entry.heldMs = Math.max(entry.heldMs ?? 0, heldMs);
    found.set(key, entry);
  }
  const sites = [...found].map(([site, entry]) => Object.freeze({ site, ...entry }));
  return sites.sort((a, b) => b.count - a.count || (b.heldMs ?? 0) - (a.heldMs ?? 0));
}
