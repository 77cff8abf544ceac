import { checkFunction, checkNumber, checkString, describe, memoryError } from '../core';

/**
 * Somebody who holds memory of a budget that could be had back: a cache, a pool, a batch that can be spilled.
 *
 * Rules: give memory back by releasing it to the budget inside `reclaim`; never reserve inside it (only capacity that is
 * free already is granted then).
 */
export interface BudgetReclaimer {
  readonly name: string;
  /** Lower is asked first. Default 50. */
  readonly priority?: number;
  /** Bytes that could be had back now; 0 means do not ask. A property read or a sum, no work. */
  reclaimableBytes(): number;
  /**
   * Gives back at least `targetBytes` where it can. Returns what it gave, for the statistics: what counts is what it
   * released. A promise is awaited by `acquire` only; `reserve` and `tryReserve` do not wait for it. Asked again as long
   * as that sets something free, also for the first of those who wait: then in a microtask, or when another request comes.
   */
  reclaim(targetBytes: number): number | Promise<number>;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkReclaimer(where: string, reclaimer: BudgetReclaimer): BudgetReclaimer {
  if (typeof reclaimer !== 'object' || reclaimer === null) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a reclaimer is an object, got ${describe(reclaimer)}`);
  }
  checkString(`${where}: name`, reclaimer.name);
  checkFunction(`${where}: reclaimableBytes`, reclaimer.reclaimableBytes);
  checkFunction(`${where}: reclaim`, reclaimer.reclaim);
  if (reclaimer.priority !== undefined) checkNumber(`${where}: priority`, reclaimer.priority, 0, 100);
  return reclaimer;
}

/** What one reclaimer says that it could give; one that throws or answers nonsense could give nothing. */
export function reclaimableOf(reclaimer: BudgetReclaimer): number {
  try {
    const bytes = reclaimer.reclaimableBytes();
    return Number.isFinite(bytes) && bytes > 0 ? bytes : 0;
  } catch {
    return 0;
  }
}

function priorityOf(reclaimer: BudgetReclaimer): number {
  try {
    return reclaimer.priority ?? 50;
  } catch {
    return 50;
  }
}

/** Those who have something to give, in the order in which they are asked: by priority, then the one with most. */
export function inOrder(reclaimers: Iterable<BudgetReclaimer>): BudgetReclaimer[] {
  return [...reclaimers]
    .map((reclaimer) => ({ reclaimer, bytes: reclaimableOf(reclaimer), priority: priorityOf(reclaimer) }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => a.priority - b.priority || b.bytes - a.bytes)
    .map(({ reclaimer }) => reclaimer);
}
