import {
  type Allocator,
  type BudgetLike,
  type ByteSize,
  checkBudget,
  checkOptions,
  describe,
  ignoreFailure,
  isThenable,
  type MemoryError,
  memoryError,
} from '../../core';
import { AllocatorAdaptor, nameIn } from '../base';
import { ByteLimit } from './limit';

/** An allocation, and one that the budget makes from inside of its reservation. */
const MOST_RESERVING = 2;
const MOST_RELEASES = 16;

/** Either a budget or a limit. */
export type BudgetedOptions = {
  /** For statistics and errors. */
  readonly name?: string;
} & (
  | {
      /** Anything with the methods of a budget. */
      readonly budget: BudgetLike;
      readonly limitBytes?: undefined;
    }
  | {
      readonly budget?: undefined;
      /** A limit of this allocator's own. */
      readonly limitBytes: ByteSize;
    }
);

/**
 * Charges a budget with the bytes that are asked for: taken before the inner allocator is called, given back after a
 * free, a reset and disposal, so the limit holds at every instant. When the inner allocator fails, the bytes are given
 * back before the error reaches the caller.
 *
 * What the budget throws reaches the caller of `allocate`; `tryAllocate` gives -1. Frees are charged by the size that is
 * given at free: put a paranoid TrackedAllocator outside when the inner allocator does not check sizes. More than was
 * charged is never given back, and when the last block is gone everything is. A budget whose `release` throws does not
 * undo a free: the bytes stay in `unreleasedBytes` and are offered again with the next release.
 *
 * A budget may use this allocator, as reclaimers do: free from inside of `reserve` and `release`, and allocate, but not
 * from inside of an allocation that it makes itself (ERR_MEMORY_INVALID_STATE). It answers at once: a promise is
 * ERR_MEMORY_INVALID_ARGUMENT and grants nothing.
 */
export class BudgetedAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  /** The budget that is charged; with `limitBytes` one of its own. */
  readonly budget: BudgetLike;
  private charged = 0;
  private blocks = 0;
  private owed = 0;
  /** Reservations under way: more than one where the budget allocates from inside of it. */
  private reserving = 0;
  private releasing = false;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for neither or both of `budget` and `limitBytes`, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: BudgetedOptions) {
    super('budgeted', inner, nameIn(options));
    const { budget, limitBytes } = checkOptions('BudgetedAllocator', options, ['budget', 'limitBytes', 'name']);
    if ((budget === undefined) === (limitBytes === undefined)) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', 'BudgetedAllocator: give either budget or limitBytes');
    }
    this.budget =
      budget === undefined
        ? new ByteLimit(limitBytes ?? 0, `${this.name} limit`)
        : checkBudget('BudgetedAllocator', budget);
  }

  /** Bytes of the budget that this allocator holds now. */
  get chargedBytes(): number {
    return this.charged;
  }

  /** Bytes that were freed and that the budget refused to take back. */
  get unreleasedBytes(): number {
    return this.owed;
  }

  override allocate(byteLength: number, alignment?: number): number {
    if (!this.isRequest(byteLength, alignment)) return this.inner.allocate(byteLength, alignment);
    if (this.reserving === MOST_RESERVING) throw this.nested('allocate');
    this.reserving++;
    let answer: unknown;
    try {
      answer = this.budget.reserve(byteLength);
    } catch (error) {
      this.refused++;
      throw error;
    } finally {
      this.reserving--;
    }
    if (answer !== undefined && isThenable(answer)) throw this.notAnswered('reserve', answer);
    let offset = -1;
    try {
      offset = this.inner.allocate(byteLength, alignment);
    } finally {
      if (offset === -1) this.giveBack(byteLength);
    }
    this.charged += byteLength;
    this.blocks++;
    return offset;
  }

  override tryAllocate(byteLength: number, alignment?: number): number {
    if (!this.isRequest(byteLength, alignment)) return this.inner.tryAllocate(byteLength, alignment);
    if (this.reserving === MOST_RESERVING) throw this.nested('tryAllocate');
    this.reserving++;
    let answer: unknown;
    try {
      answer = this.budget.tryReserve(byteLength);
    } finally {
      this.reserving--;
    }
    if (answer !== true) {
      if (answer !== false) throw this.notAnswered('tryReserve', answer);
      this.refused++;
      return -1;
    }
    let offset = -1;
    try {
      offset = this.inner.tryAllocate(byteLength, alignment);
    } finally {
      if (offset === -1) this.giveBack(byteLength);
    }
    if (offset === -1) return -1;
    this.charged += byteLength;
    this.blocks++;
    return offset;
  }

  override deallocate(offset: number, byteLength: number): void {
    this.inner.deallocate(offset, byteLength);
    if (this.blocks === 0) return; // allocated before this adaptor was there
    this.blocks--;
    const bytes = this.blocks === 0 ? this.charged : Math.min(byteLength, this.charged);
    this.charged -= bytes;
    this.giveBack(bytes);
  }

  protected override onCleared(): void {
    const bytes = this.charged;
    this.charged = 0;
    this.blocks = 0;
    this.giveBack(bytes);
  }

  /** Sizes of single blocks are not known here: at most what the inner allocator uses is still charged. */
  protected override onPartlyCleared(): void {
    const { liveAllocations, usedBytes } = this.inner.stats();
    this.blocks = Math.min(this.blocks, liveAllocations);
    const rest = this.blocks === 0 ? 0 : Math.min(this.charged, usedBytes);
    const bytes = this.charged - rest;
    this.charged = rest;
    this.giveBack(bytes);
  }

  /** What is freed from inside of a release is given back after it. */
  private giveBack(bytes: number): void {
    this.owed += bytes;
    if (this.releasing) return;
    this.releasing = true;
    // The bound: a budget that frees in every release cannot hang the process. The rest goes with the next one.
    for (let round = 0; this.release() && this.owed > 0 && round < MOST_RELEASES; round++);
    this.releasing = false;
  }

  /** False when the budget did not take it; never throws. */
  private release(): boolean {
    const bytes = this.owed;
    if (bytes === 0) return false;
    this.owed = 0;
    try {
      const answer: unknown = this.budget.release(bytes);
      if (answer !== undefined) ignoreFailure(answer, () => void (this.owed += bytes));
      return true;
    } catch {
      this.owed += bytes;
      return false;
    }
  }

  private nested(method: string): MemoryError {
    return this.busy(
      method,
      'an allocation that its budget makes',
      'A budget that allocates would recurse without end.',
    );
  }

  private notAnswered(method: string, answer: unknown): MemoryError {
    ignoreFailure(answer);
    return memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${this.name}: ${method}() of the budget must ${method === 'reserve' ? 'return nothing' : 'return a boolean'}, got ${describe(answer)}`,
      { source: this.name, hint: 'It runs inside of an allocation and cannot wait: it may not be async.' },
    );
  }
}
