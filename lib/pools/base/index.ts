export { abortedWait, doubleRelease, exhausted, foreignRelease, poolClosed, reentrant, timedOut } from './errors';
export type { Pool, PoolCallbacks, PoolHooks, PoolStats } from './pool';
