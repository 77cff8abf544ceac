export type { Pool, PoolCallbacks, PoolHooks, PoolStats } from './base';
