export type { SharedPoolHandle, SharedPoolKind, SharedSlotLease } from './handle';
export { LockFreePool } from './lock-free-pool';
export type {
  SharedPoolAttachOptions,
  SharedPoolOptions,
  SharedPoolRecovery,
  SharedPoolStats,
} from './options';
export { SlotLease } from './slot-lease';
export {
  type DrainOptions,
  ThreadSafePool,
  type ThreadSafePoolAttachOptions,
  type ThreadSafePoolOptions,
} from './thread-safe-pool';
export { WorkStealingPool, type WorkStealingPoolOptions } from './work-stealing-pool';
