import { type Allocator, type BudgetLike, type ByteSize, checkBudget, checkOptions, memoryError } from '../../core';
import { AllocatorAdaptor } from '../base';
import { ByteLimit } from './limit';

export interface BudgetedOptions {
  /** Anything with the methods of a budget. Give this or `limitBytes`. */
  readonly budget?: BudgetLike;
  /** A limit of this allocator's own. */
  readonly limitBytes?: ByteSize;
  readonly name?: string;
}

/**
 * Charges a budget with the bytes that are asked for: taken before the inner allocator is called, given back after a
 * free, a reset and disposal, so the limit holds at every instant. When the inner allocator fails, the bytes are given
 * back before the error reaches the caller.
 *
 * What the budget throws reaches the caller of `allocate`; `tryAllocate` gives -1. Frees are charged by the size that is
 * given at free: put a paranoid TrackedAllocator outside when the inner allocator does not check sizes. More than was
 * charged is never given back, and when the last block is gone everything is. A budget whose `release` throws does not
 * undo a free: the bytes stay in `unreleasedBytes` and are offered again with the next release.
 */
export class BudgetedAllocator<I extends Allocator = Allocator> extends AllocatorAdaptor<I> {
  readonly budget: BudgetLike;
  private charged = 0;
  private blocks = 0;
  private owed = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT for neither or both of `budget` and `limitBytes`, ERR_MEMORY_OUT_OF_RANGE */
  constructor(inner: I, options: BudgetedOptions) {
    super('budgeted', inner, options?.name);
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
    try {
      this.budget.reserve(byteLength);
    } catch (error) {
      this.refused++;
      throw error;
    }
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
    if (!this.budget.tryReserve(byteLength)) {
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

  private giveBack(bytes: number): void {
    const all = bytes + this.owed;
    if (all === 0) return;
    this.owed = 0;
    try {
      this.budget.release(all);
    } catch {
      this.owed += all;
    }
  }
}
