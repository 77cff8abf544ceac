import type { MemoryBudget, Reservation } from '../../budgets';
import {
  type BudgetLike,
  type Duration,
  ignoreFailure,
  type MemoryError,
  memoryError,
  parseDuration,
  systemClock,
} from '../../core';

/** How long, and in which order, one waits for a budget. Internal. */
export interface BudgetWait {
  readonly deadlineMs?: Duration;
  readonly signal?: AbortSignal;
  readonly priority: number;
}

/** Bytes that a wait ended with: claim() leaves them charged. */
type Granted = Pick<Reservation, 'claim' | 'cancel'>;

/** A budget that lets one wait. Internal. */
export type WaitingBudget = BudgetLike & { acquire(bytes: number, options: BudgetWait): Promise<Granted> };

/** Somebody who has what he needs of the own budget, and waits at the outer one. */
interface OuterWait {
  readonly mine: Reservation;
  readonly ending: AbortController;
}

/** What is left of the time of a wait that began at `sinceMs`, in whole milliseconds; undefined without end. Internal. */
export function leftOf(deadlineMs: Duration | undefined, sinceMs: number): number | undefined {
  if (deadlineMs === undefined) return undefined;
  const leftMs = parseDuration(deadlineMs, 'MemorySystem.acquire: deadlineMs') - (systemClock.nowMs() - sinceMs);
  return Math.max(0, Math.ceil(leftMs));
}

/** A limit of one's own below a budget that knows no children: both are charged. Internal. */
export class BothBudgets implements BudgetLike {
  readonly name: string;
  readonly own: MemoryBudget;
  private readonly outer: BudgetLike;
  /** What the outer one refused by a promise, too late to say so: it is offered again with the next. */
  private owedBytes = 0;
  private readonly waits = new Set<OuterWait>();

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
    const all = bytes + this.owedBytes;
    const answer: unknown = this.outer.release(all); // may throw: nothing has changed then
    this.owedBytes = 0;
    if (answer !== undefined) ignoreFailure(answer, () => void (this.owedBytes += all));
    this.own.release(bytes);
  }

  /**
   * Waits for its turn at its own limit, then at the outer budget where that lets one wait. Who waits there holds nothing
   * of the outer one, which others share.
   */
  async acquire(bytes: number, options: BudgetWait): Promise<Granted> {
    const sinceMs = systemClock.nowMs();
    const mine = await this.own.acquire(bytes, options);
    let theirs: Granted;
    try {
      theirs = await this.acquireOuter(bytes, mine, options, sinceMs);
    } catch (error) {
      if (mine.state !== 'held') throw this.closedError();
      mine.cancel();
      throw error;
    }
    if (mine.state !== 'held') {
      theirs.cancel(); // granted in the moment in which the tenant was closed
      throw this.closedError();
    }
    const cancel = (): void => {
      theirs.cancel();
      mine.cancel();
    };
    const claim = (): number => {
      try {
        theirs.claim();
      } catch (error) {
        mine.cancel(); // what the budget of somebody else granted is none
        throw error;
      }
      return mine.claim();
    };
    return { claim, cancel };
  }

  private async acquireOuter(
    bytes: number,
    mine: Reservation,
    { deadlineMs, signal, priority }: BudgetWait,
    sinceMs: number,
  ): Promise<Granted> {
    const outer = this.outer as Partial<WaitingBudget> & BudgetLike;
    if (typeof outer.acquire !== 'function') {
      outer.reserve(bytes);
      return { claim: () => bytes, cancel: () => outer.release(bytes) };
    }
    const wait: OuterWait = { mine, ending: new AbortController() };
    const abort = (): void => wait.ending.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    this.waits.add(wait);
    try {
      const left = { priority, signal: wait.ending.signal };
      const leftMs = leftOf(deadlineMs, sinceMs);
      return await outer.acquire(bytes, leftMs === undefined ? left : { ...left, deadlineMs: leftMs });
    } finally {
      this.waits.delete(wait);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Refuses those who wait at the outer budget, so that the own one can be closed. */
  endWaits(): void {
    for (const { mine, ending } of [...this.waits]) {
      if (mine.state === 'held') mine.cancel();
      ending.abort();
    }
  }

  private closedError(): MemoryError {
    return memoryError('ERR_MEMORY_CLOSED', `MemorySystem.acquire: tenant '${this.name}' was closed meanwhile`, {
      source: this.name,
    });
  }
}
