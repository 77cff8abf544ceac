export type {
  AdaptorDescription,
  AdaptorKind,
  AllocatorDescription,
  AllocatorKind,
  ProviderChoice,
  ProviderDescription,
  ProviderKind,
} from './factory/description';
export { AllocatorFactory } from './factory/factory';
export {
  Reclaimer,
  type ReclaimerOptions,
  type ReclaimerStats,
  type ReclaimingBudget,
  type ReclaimingMonitor,
  type ReclaimRound,
} from './reclaim/reclaimer';
export type { Reclaimable, ReclaimOptions, ReclaimTarget, Trimmable } from './reclaim/targets';
export { type HandleSpace, LOW_END, Owner } from './registry/handles';
export { AllocatorManager, type BlockLocation, type RegisterOptions } from './registry/manager';
export type { ManagerStats } from './registry/stats';
