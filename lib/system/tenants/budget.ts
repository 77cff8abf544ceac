import { MemoryBudget } from '../../budgets';
import { type BudgetLike, memoryError } from '../../core';

/** A limit of one's own below a budget that knows no children: both are charged. */
class BothBudgets implements BudgetLike {
  readonly name: string;
  readonly own: MemoryBudget;
  private readonly outer: BudgetLike;

  constructor(own: MemoryBudget, outer: BudgetLike) {
    this.name = own.name;
    this.own = own;
    this.outer = outer;
  }

  reserve(bytes: number): void {
    this.own.reserve(bytes);
    let done = false;
    try {
      this.outer.reserve(bytes);
      done = true;
    } finally {
      if (!done) this.own.release(bytes);
    }
  }

  tryReserve(bytes: number): boolean {
    if (!this.own.tryReserve(bytes)) return false;
    let done = false;
    try {
      done = this.outer.tryReserve(bytes);
    } finally {
      if (!done) this.own.release(bytes);
    }
    return done;
  }

  release(bytes: number): void {
    this.outer.release(bytes); // may refuse: nothing has changed then
    this.own.release(bytes);
  }
}

export interface TenantBudget {
  /** What requests are charged to. */
  readonly charged: BudgetLike;
  /** The limit itself. */
  readonly own: MemoryBudget;
}

/** @throws ERR_MEMORY_BUDGET_EXCEEDED for more than the system's budget has left, and as MemoryBudget */
export function tenantBudget(
  system: BudgetLike | null,
  name: string,
  limitBytes: number,
  guaranteedBytes: number,
): TenantBudget {
  if (system instanceof MemoryBudget) {
    const own = system.child(name, { limitBytes: Math.min(limitBytes, system.limitBytes), guaranteedBytes });
    return { charged: own, own };
  }
  if (guaranteedBytes > 0 && system !== null) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `tenant '${name}': guaranteedBytes needs a MemoryBudget as the system's budget`,
    );
  }
  const own = new MemoryBudget(name, { limitBytes, guaranteedBytes });
  return { charged: system === null ? own : new BothBudgets(own, system), own };
}
