import type { BudgetLike } from './budget-like';
import { describe } from './describe';
import { memoryError } from './errors';
import { ignoreFailure, isThenable } from './thenable';

/**
 * Takes bytes from a budget, which is somebody else's code, and gives them back. One that refuses to take them back does not
 * undo that the memory has gone: what it did not take is owed, and offered again with the next.
 */
export class Repayment {
  private readonly budget: BudgetLike | undefined;
  /** Bytes that the budget refused to take back. */
  owedBytes = 0;

  constructor(budget: BudgetLike | undefined) {
    this.budget = budget;
  }

  /**
   * Reserves bytes, after what is owed was offered again. Nothing without a budget.
   *
   * @throws what the budget throws; ERR_MEMORY_INVALID_ARGUMENT for one that answers with a promise, which comes too late
   */
  take(where: string, bytes: number): void {
    if (this.budget === undefined) return;
    this.settle();
    const answer: unknown = this.budget.reserve(bytes);
    if (answer === undefined || !isThenable(answer)) return;
    ignoreFailure(answer);
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: reserve() of the budget must return nothing, got ${describe(answer)}`,
      { requestedBytes: bytes, hint: 'Memory is taken as soon as it returns: it may not be async.' },
    );
  }

  /** Gives bytes back. Never throws. */
  give(bytes: number): void {
    if (this.budget === undefined) return;
    const all = this.owedBytes + bytes;
    if (all === 0) return;
    this.owedBytes = 0;
    try {
      const answer: unknown = this.budget.release(all);
      if (answer !== undefined) ignoreFailure(answer, () => void (this.owedBytes += all));
    } catch {
      this.owedBytes += all;
    }
  }

  /** Offers again what is owed. Never throws. */
  settle(): void {
    if (this.owedBytes > 0) this.give(0);
  }
}
