export type {
  SharedBudgetHandle,
  SharedBudgetMember,
  SharedBudgetMemberOptions,
  SharedBudgetOpenOptions,
  SharedBudgetOptions,
  SharedBudgetStats,
} from './options';
export { SharedBudget } from './shared-budget';
