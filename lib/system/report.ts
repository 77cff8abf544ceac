import type { BudgetLike, MemoryUsage, PressureLevel } from '../core';
import type { ManagerStats, ReclaimerStats } from '../manager';
import type { PluginStats, SystemState } from './extensions/plugin';
import type { HolderStats } from './holders';
import type { TenantStats } from './tenants/tenant';
import type { TierStats } from './tiers/tier';

/** How full a budget is. Null where it does not say. */
export interface BudgetReport {
  readonly name: string;
  readonly usedBytes: number | null;
  readonly limitBytes: number | null;
}

/** Everything that a system knows of itself at one moment. Bytes. */
export interface SystemStats {
  readonly name: string;
  readonly state: SystemState;
  readonly pressure: PressureLevel;
  /** The system's own tiers; tenants have theirs. */
  readonly tiers: readonly TierStats[];
  readonly tenants: readonly TenantStats[];
  readonly budget: BudgetReport | null;
  readonly caches: readonly { readonly name: string; readonly usedBytes: number | null }[];
  /** Charged for the blocks of the system itself; 0 without a budget. */
  readonly chargedBytes: number;
  /** Freed, and refused by the budget. */
  readonly owedBytes: number;
  readonly liveBlocks: number;
  /** Refused by the budget, or under pressure; found no room in any tier. Those of tenants that were closed count on. */
  readonly refusals: number;
  readonly shed: number;
  readonly failures: number;
  readonly holders: readonly HolderStats[];
  readonly plugins: readonly PluginStats[];
  readonly observerFailures: number;
  readonly loggerFailures: number;
  readonly reclaimer: ReclaimerStats;
  /** Sums over the allocators of all tiers and tenants. */
  readonly total: ManagerStats['total'];
}

export type HealthStatus = 'ok' | 'degraded' | 'critical';

export interface HealthReason {
  readonly status: Exclude<HealthStatus, 'ok'>;
  /** `state`, `pressure`, `budget`, `tenant images`, `plugin audit`, `requests`. */
  readonly source: string;
  readonly message: string;
}

export interface SystemHealth {
  /** The worst of the reasons; ok without any. */
  readonly status: HealthStatus;
  readonly reasons: readonly HealthReason[];
}

const FULL = 0.9;
const BRIMFUL = 0.99;

export function budgetReport(budget: BudgetLike | null): BudgetReport | null {
  if (budget === null) return null;
  const usage = budget as BudgetLike & Partial<MemoryUsage> & { readonly limitBytes?: number };
  return Object.freeze({
    name: budget.name,
    usedBytes: bytesOf(() => usage.usedBytes),
    limitBytes: bytesOf(() => usage.limitBytes ?? usage.capacityBytes),
  });
}

/** A size that somebody else's code tells; null where it throws or makes no sense. */
export function bytesOf(read: () => unknown): number | null {
  try {
    const value = read();
    return typeof value === 'number' && value >= 0 ? value : null;
  } catch {
    return null;
  }
}

function fullness(
  source: string,
  used: number | null,
  limit: number | null,
  worst: HealthReason['status'],
): HealthReason | null {
  if (used === null || limit === null || limit === 0 || used < limit * FULL) return null;
  const status = used >= limit * BRIMFUL ? worst : 'degraded';
  return { status, source, message: `${used} of ${limit} bytes are in use` };
}

/** What is wrong, the worst first. @param newFailures requests that found no room since the last look */
export function healthOf(stats: SystemStats, newFailures: number): SystemHealth {
  const reasons: HealthReason[] = [];
  const add = (reason: HealthReason | null): void => {
    if (reason !== null) reasons.push(Object.freeze(reason));
  };
  const { state, pressure, budget } = stats;
  if (state === 'draining') add({ status: 'degraded', source: 'state', message: 'it takes no more requests' });
  if (state === 'stopped') add({ status: 'critical', source: 'state', message: 'it has stopped' });
  if (pressure === 'high' || pressure === 'critical') {
    const status = pressure === 'critical' ? 'critical' : 'degraded';
    add({ status, source: 'pressure', message: `memory pressure is ${pressure}` });
  }
  if (budget !== null) add(fullness('budget', budget.usedBytes, budget.limitBytes, 'critical'));
  for (const { name, usedBytes, limitBytes } of stats.tenants) {
    add(fullness(`tenant ${name}`, usedBytes, limitBytes, 'degraded'));
  }
  for (const { name, failures, lastError } of stats.plugins) {
    if (failures > 0) {
      add({ status: 'degraded', source: `plugin ${name}`, message: `failed ${failures} times, last: ${lastError}` });
    }
  }
  if (newFailures > 0) {
    add({ status: 'degraded', source: 'requests', message: `${newFailures} found no room since the last look` });
  }
  reasons.sort((a, b) => Number(b.status === 'critical') - Number(a.status === 'critical'));
  return Object.freeze({ status: reasons[0]?.status ?? 'ok', reasons: Object.freeze(reasons) });
}
