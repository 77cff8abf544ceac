export { MemoryBudget } from './budget';
export type { ContainerBudgetOptions } from './container';
export type {
  BudgetAcquireOptions,
  BudgetOptions,
  BudgetState,
  BudgetStats,
  ChildBudgetOptions,
  ReservationOptions,
} from './options';
export type { BudgetPolicy, PolicyName, PolicyRequest } from './policy';
export type { BudgetReclaimer } from './reclaimer';
export { Reservation, type ReservationMode, type ReservationState } from './reservation';
export { currentBudget, withBudget } from './scope';
export * from './shared';
