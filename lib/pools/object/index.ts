export { OBJECT_POOL_PRESETS, ObjectPool, type ObjectPoolOptions } from './object-pool';
export type { PoolShrink } from './shrink';
