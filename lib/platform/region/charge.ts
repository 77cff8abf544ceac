import { type BudgetLike, checkBudget, Repayment } from '../../core';

// One for each budget and thread: what a budget refused to take back from a region that is gone is offered with the next.
const repayments = new WeakMap<BudgetLike, Repayment>();

function repaymentTo(budget: BudgetLike): Repayment {
  let repayment = repayments.get(budget);
  if (repayment === undefined) {
    repayment = new Repayment(budget);
    repayments.set(budget, repayment);
  }
  return repayment;
}

/**
 * Bytes of a budget that a region holds, in whole pages. Given back once, by free(); for a region that nobody freed and
 * the collector found, by its finalizer. The budget may call the region from inside reserve and release.
 */
export class Charge {
  private readonly repayment: Repayment;
  private bytes = 0;

  private constructor(budget: BudgetLike) {
    this.repayment = repaymentTo(budget);
  }

  /** Takes the bytes. @throws what the budget throws; nothing is taken then */
  static take(where: string, budget: BudgetLike, bytes: number): Charge {
    const charge = new Charge(checkBudget(where, budget));
    charge.grow(where, bytes);
    return charge;
  }

  /** Takes what `bytes` are more than it holds. @returns how much that was, for undo() @throws what the budget throws */
  grow(where: string, bytes: number): number {
    const more = bytes - this.bytes;
    if (more <= 0) return 0;
    this.repayment.take(where, more);
    this.bytes += more;
    return more;
  }

  /** Gives back what grow() took. Never throws. */
  undo(taken: number): void {
    this.bytes -= taken;
    this.repayment.give(taken);
  }

  /** Gives back all but `bytes`. Never throws. */
  shrink(bytes: number): void {
    const less = this.bytes - bytes;
    if (less > 0) this.undo(less);
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
