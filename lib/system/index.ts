export { SystemBuilder } from './builder';
export * from './config';
export type { Logger, MetricsSink, Serializer } from './extensions/interfaces';
export { JSON_SERIALIZER } from './extensions/interfaces';
export type {
  BlockEvent,
  HookName,
  MemoryPlugin,
  PluginContext,
  PluginStats,
  PressureEvent,
  SystemEvent,
  SystemEventKind,
  SystemState,
} from './extensions/plugin';
export { type Admission, PRIORITIES, type Priority, type PriorityName } from './gate';
export type { HolderStats } from './holders';
export { MemoryLease } from './lease';
export type { MemoryContext, SystemAcquireOptions } from './leasing';
export type { ShutdownOptions } from './life';
export { MemorySystem } from './memory-system';
export type { CacheLike, MonitorLike, SystemOptions } from './options';
export type { BudgetReport, HealthReason, HealthStatus, SystemHealth, SystemStats } from './report';
export type { SystemSnapshot } from './snapshot';
export { type RequestOptions, Tenant, type TenantOptions, type TenantStats } from './tenants/tenant';
export {
  type ArenaTierOptions,
  type PoolClassOptions,
  type PoolTierOptions,
  type StackTierOptions,
  type SystemTierOptions,
  TIER_NAMES,
  type TierName,
  type TierOptions,
} from './tiers/options';
export { ScratchStack, type ScratchStackOptions } from './tiers/scratch-stack';
export type { TierStats } from './tiers/tier';
