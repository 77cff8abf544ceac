export type { PoolHealthMetrics } from './judge';
export type { PoolLeakSite } from './leaks';
export { PoolHealthMonitor, type PoolHealthReport } from './monitor';
export { POOL_HEALTH_LEVELS, type PoolHealthLevel, type PoolHealthOptions } from './options';
export type { TracedLoan, WatchedPool } from './watched';
