import { type BudgetLike, ignoreFailure } from '../../core';

/**
 * Gives bytes back to a budget, which is somebody else's code. One that refuses does not undo that the memory has gone: what
 * it did not take is owed, and offered again with the next. Never throws.
 */
export class Repayment {
  private readonly budget: BudgetLike | undefined;
  /** Bytes that the budget refused to take back. */
  owedBytes = 0;

  constructor(budget: BudgetLike | undefined) {
    this.budget = budget;
  }

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

  /** Offers again what is owed. */
  settle(): void {
    if (this.owedBytes > 0) this.give(0);
  }
}
