export type { AsyncPoolState, AsyncPoolStats } from './books';
export type { AsyncPoolEvents } from './events';
export type { AsyncPoolHooks, AsyncPoolOptions } from './options';
export { AsyncPool, type PoolWaitOptions, type UseOptions } from './pool';
