import { type BudgetLike, checkBudget } from '../../core';

/**
 * Bytes of a budget that a region holds, in whole pages. Given back once, by free(); for a region that nobody freed and
 * the collector found, by its finalizer.
 */
export class Charge {
  private readonly budget: BudgetLike;
  private bytes: number;

  private constructor(budget: BudgetLike, bytes: number) {
    this.budget = budget;
    this.bytes = bytes;
  }

  /** Takes the bytes. @throws what the budget throws; nothing is taken then */
  static take(where: string, budget: BudgetLike, bytes: number): Charge {
    checkBudget(where, budget).reserve(bytes);
    return new Charge(budget, bytes);
  }

  /** Takes what `bytes` are more than it holds. @returns how much that was, for undo() @throws what the budget throws */
  grow(bytes: number): number {
    const more = bytes - this.bytes;
    if (more <= 0) return 0;
    this.budget.reserve(more);
    this.bytes = bytes;
    return more;
  }

  /** Gives back all but `bytes`. */
  shrink(bytes: number): void {
    const less = this.bytes - bytes;
    if (less <= 0) return;
    this.bytes = bytes;
    this.budget.release(less);
  }

  release(): void {
    this.shrink(0);
  }
}

const forgotten = new FinalizationRegistry<Charge>((charge) => charge.release());

/** Gives the charge back when the collector finds its owner; `forget` says that it has a new one. */
export function watchCharge(owner: object, charge: Charge): void {
  forgotten.register(owner, charge, owner);
}

export function forgetCharge(owner: object): void {
  forgotten.unregister(owner);
}
