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
export { type BudgetTimers, Reservation, type ReservationMode, type ReservationState } from './reservation';
export { currentBudget, withBudget } from './scope';
