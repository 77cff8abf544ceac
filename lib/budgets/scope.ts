import { AsyncLocalStorage } from 'node:async_hooks';
import { type BudgetLike, checkBudget, checkFunction } from '../core';

const scope = new AsyncLocalStorage<BudgetLike>();

/**
 * Runs a function, and everything asynchronous that it starts, with that budget as the current one.
 *
 * @returns what the function returns
 */
export function withBudget<T>(budget: BudgetLike, work: () => T): T {
  return scope.run(checkBudget('withBudget', budget), checkFunction('withBudget: work', work));
}

/** The budget of the innermost withBudget() around the running code. */
export function currentBudget(): BudgetLike | undefined {
  return scope.getStore();
}
