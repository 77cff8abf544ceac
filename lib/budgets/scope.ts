import { AsyncLocalStorage } from 'node:async_hooks';
import { type BudgetLike, checkFunction, describe, memoryError } from '../core';

const scope = new AsyncLocalStorage<BudgetLike>();

/** True for what has the methods of a budget. */
export function isBudget(value: unknown): value is BudgetLike {
  const shape = value as Partial<BudgetLike> | null | undefined;
  return [shape?.reserve, shape?.tryReserve, shape?.release].every((method) => typeof method === 'function');
}

/**
 * Runs a function, and everything asynchronous that it starts, with that budget as the current one.
 *
 * @returns what the function returns
 */
export function withBudget<T>(budget: BudgetLike, work: () => T): T {
  if (!isBudget(budget)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `withBudget: budget must be a budget, got ${describe(budget)}`);
  }
  return scope.run(budget, checkFunction('withBudget: work', work));
}

/** The budget of the innermost withBudget() around the running code. */
export function currentBudget(): BudgetLike | undefined {
  return scope.getStore();
}
