import { MemoryBudget } from '../../budgets';
import { type BudgetLike, memoryError } from '../../core';
import { BothBudgets } from './both-budgets';

export interface TenantBudget {
  /** What requests are charged to. */
  readonly charged: BudgetLike;
  /** The limit itself. */
  readonly own: MemoryBudget;
  /** Refuses those who wait at the system's budget, where own does not do that when it is closed. */
  endWaits(): void;
}

const NOTHING = (): void => {};

/** @throws ERR_MEMORY_BUDGET_EXCEEDED for more than the system's budget has left, and as MemoryBudget */
export function tenantBudget(
  system: BudgetLike | null,
  name: string,
  limitBytes: number,
  guaranteedBytes: number,
): TenantBudget {
  if (system instanceof MemoryBudget) {
    const own = system.child(name, { limitBytes: Math.min(limitBytes, system.limitBytes), guaranteedBytes });
    return { charged: own, own, endWaits: NOTHING };
  }
  if (guaranteedBytes > 0 && system !== null) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `tenant '${name}': guaranteedBytes needs a MemoryBudget as the system's budget`,
    );
  }
  const own = new MemoryBudget(name, { limitBytes, guaranteedBytes });
  if (system === null) return { charged: own, own, endWaits: NOTHING };
  const both = new BothBudgets(own, system);
  return { charged: both, own, endWaits: () => both.endWaits() };
}
