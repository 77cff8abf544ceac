import type { HealthSettings, PoolHealthLevel } from './options';
import type { HealthSample } from './watched';

/** What was measured at a check. Rates are of the window, from 0 to 1. Frozen. */
export interface PoolHealthMetrics {
  readonly name: string;
  readonly level: PoolHealthLevel;
  /** What the window really covers: shorter in the beginning, longer where checks are rare. */
  readonly spanMs: number;
  /** Requests that were served in the window. */
  readonly acquires: number;
  /** Loans that ended in the window. */
  readonly returns: number;
  readonly refusals: number;
  /** Refused of all requests. */
  readonly failureRatio: number;
  /** Loans that are older than `leakAfterMs`. A lower bound where the pool does not trace its loans. */
  readonly leaked: number;
  /** Leaked, of all loans that ended in the window or should have. */
  readonly leakRatio: number;
  /** Leaked, of the bound; of the size where there is none. */
  readonly leakedOfPoolRatio: number;
  /** Lent of the bound; null without one. */
  readonly utilizationRatio: number | null;
  readonly idle: number;
  readonly borrowed: number;
  readonly size: number;
  readonly maxSize: number | null;
  readonly waiting: number;
  readonly checks: number;
  readonly changes: number;
  /** Calls of `onChange` that threw. */
  readonly callbackFailures: number;
}

export interface Verdict {
  readonly level: PoolHealthLevel;
  readonly reasons: readonly string[];
  readonly measured: Omit<PoolHealthMetrics, 'name' | 'level' | 'checks' | 'changes' | 'callbackFailures'>;
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, part / whole) : 0;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 1000) / 10} %`;
}

/** @param base the pool when the window began */
export function judge(now: HealthSample, base: HealthSample, leaked: number, settings: HealthSettings): Verdict {
  const spanMs = now.atMs - base.atMs;
  const acquires = Math.max(0, now.acquires - base.acquires);
  const refusals = Math.max(0, now.refusals - base.refusals);
  const returns = Math.max(0, now.returns - base.returns);
  const requests = acquires + refusals;
  const { idle, borrowed, size, maxSize, waiting } = now;
  const measured = {
    ...{ spanMs, acquires, returns, refusals, leaked, idle, borrowed, size, maxSize, waiting },
    failureRatio: share(refusals, requests),
    leakRatio: share(leaked, leaked + returns),
    leakedOfPoolRatio: share(leaked, maxSize ?? size),
    utilizationRatio: maxSize === null ? null : share(borrowed, maxSize),
  };
  const { failureRatio, leakRatio, leakedOfPoolRatio, utilizationRatio } = measured;

  const failed: string[] = [];
  const critical: string[] = [];
  const degraded: string[] = [];
  if (now.closed) failed.push('it is closed');
  const full = maxSize !== null && idle === 0 && size >= maxSize;
  if (full && returns === 0 && refusals + waiting > 0 && spanMs >= settings.windowMs) {
    failed.push(
      `all ${maxSize} are in use, none came back in ${Math.round(spanMs)} ms, and requests wait or are refused`,
    );
  }
  if (requests >= settings.minRequests && failureRatio > settings.maxFailureRatio) {
    critical.push(`${refusals} of ${requests} requests were refused (${percent(failureRatio)})`);
  }
  if (leakRatio > settings.maxLeakRatio) {
    degraded.push(`${leaked} of ${leaked + returns} loans did not come back (${percent(leakRatio)})`);
  } else if (leakedOfPoolRatio > settings.maxLeakRatio) {
    degraded.push(`${leaked} of ${maxSize ?? size} objects did not come back (${percent(leakedOfPoolRatio)})`);
  }
  if (utilizationRatio !== null && utilizationRatio > settings.maxUtilizationRatio) {
    degraded.push(`${borrowed} of ${maxSize} are lent (${percent(utilizationRatio)})`);
  }
  const level =
    failed.length > 0 ? 'failed' : critical.length > 0 ? 'critical' : degraded.length > 0 ? 'degraded' : 'healthy';
  return { level, reasons: [...failed, ...critical, ...degraded], measured };
}
