export type { Borrower } from './borrowers';
export { BUSY, entryOf, GONE, IDLE, LEASED, LENT, PoolEntry } from './entry';
export {
  abortedWait,
  doubleRelease,
  exhausted,
  foreignRelease,
  ownedAlready,
  poolClosed,
  reentrant,
  timedOut,
} from './errors';
export { readHooks, type SyncPoolCallbacks } from './hooks';
export { PoolLease } from './lease';
export {
  MOST_AT_ONCE,
  type PoolGrowth,
  readSyncPoolOptions,
  SYNC_POOL_OPTIONS,
  type SyncPoolOptions,
  type SyncPoolSettings,
  type ValidateOn,
} from './options';
export type { Pool, PoolCallbacks, PoolHooks, PoolStats } from './pool';
export { PoolBase, type SyncPoolStats } from './pool-base';
export { shown } from './shown';
