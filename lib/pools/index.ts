export {
  AsyncPool,
  type AsyncPoolEvents,
  type AsyncPoolHooks,
  type AsyncPoolOptions,
  type AsyncPoolState,
  type AsyncPoolStats,
  type PoolWaitOptions,
  type UseOptions,
} from './async';
export type { Pool, PoolCallbacks, PoolHooks, PoolStats } from './base';
export {
  type Borrower,
  type PoolGrowth,
  PoolLease,
  type SyncPoolCallbacks,
  type SyncPoolOptions,
  type SyncPoolStats,
  type ValidateOn,
} from './base';
export * from './batch';
export * from './buffer';
export * from './channel';
export * from './health';
export * from './hierarchical';
export { LocalPool, localPool } from './local';
export { ObjectPool, type ObjectPoolOptions, type PoolShrink } from './object';
export { PriorityPool, type PriorityPoolOptions, type PriorityRequest } from './priority';
export * from './shared';
export { TtlPool, type TtlPoolOptions } from './ttl';
