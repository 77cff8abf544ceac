export { HierarchicalPool } from './hierarchical-pool';
export type { ChildPoolOptions, HierarchicalPoolOptions } from './options';
export type { PoolHierarchyStats, PoolLevelStats } from './stats';
