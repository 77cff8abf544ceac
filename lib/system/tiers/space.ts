import { type Allocator, type BudgetLike, ignoreFailure } from '../../core';
import type { AllocatorManager, Owner } from '../../manager';
import { BLOCK_ALIGNMENT, sumOfAll, Tier, type TierHome, type TierPlan } from './tier';

const CHARGED = 0;
const OWED = 1;

/** Requests up to this size may take the fast path. */
export const FAST_BYTES = 32 * 1024;

/**
 * Tiers, budget and priority of the system itself or of one tenant: where its requests go. Fields are plain for speed;
 * internal.
 */
export class Space implements TierHome {
  readonly name: string;
  readonly budget: BudgetLike | null;
  readonly priority: number;
  /** By rising size. */
  readonly tiers: readonly Tier[];
  /** Pools of one block size, smallest first. */
  readonly classes: readonly Tier[];
  /** Bytes that the budget is charged for blocks of here, and those that it refused to take back. */
  private readonly books = new Float64Array(2);
  private owes = false;
  private readonly manager: AllocatorManager;
  /** What the block that take() gave last took; 0 where that is no more than chargeOf() of its size. */
  took = 0;
  /** Requests up to this size may take the fast path; 0 while something is out of the ordinary. */
  fastBytes = 0;
  /** Requests that the budget or a low priority stopped. */
  refusals = 0;
  /** Requests that no tier had room for. */
  failures = 0;

  // The stack and the heap that served last, unfolded for the fast path; up to 0 bytes where there is none.
  private stack: Allocator | null = null;
  private stackBase = 0;
  private ended = false;
  private stackUpTo = 0;
  private heap: Allocator | null = null;
  private heapBase = 0;
  private heapUpTo = 0;

  constructor(
    name: string,
    plans: { readonly main: readonly TierPlan[]; readonly classes: readonly TierPlan[] },
    manager: AllocatorManager,
    budget: BudgetLike | null,
    priority: number,
  ) {
    const prefix = name === '' ? '' : `${name}/`;
    this.name = name;
    this.budget = budget;
    this.priority = priority;
    this.tiers = plans.main.map((plan) => new Tier(this, prefix, plan, manager));
    this.manager = manager;
    this.classes = plans.classes.map((plan) => new Tier(this, `${prefix}${plan.upToBytes}-`, plan, manager));
  }

  /** Maps the memory of the first two tiers, so that the fast path finds them. @throws what mapping throws, with nothing left */
  open(): void {
    this.ended = false;
    try {
      for (const tier of this.tiers) {
        if (tier.name !== 'stack' && tier.name !== 'pool') continue;
        tier.grow();
        this.unfold(tier);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Sends the fast path to the allocator that served last. */
  private unfold(tier: Tier): void {
    const owner = tier.latest;
    const base = owner === null || !tier.isPlain ? -1 : this.manager.space.baseOf(owner);
    const upTo = base === -1 ? 0 : Math.min(FAST_BYTES, tier.upToBytes);
    if (tier.name === 'stack') {
      this.stack = owner?.allocator ?? null;
      this.stackBase = base;
      this.stackUpTo = upTo;
    } else if (tier.name === 'pool') {
      this.heap = owner?.allocator ?? null;
      this.heapBase = base;
      this.heapUpTo = this.classes.length > 0 ? 0 : upTo;
    }
  }

  /** A handle for 1 to FAST_BYTES bytes from the stack or the heap that served last, or -1: then ask take(). */
  takeSmall(byteLength: number): number {
    if (byteLength <= this.stackUpTo) {
      const offset = (this.stack as Allocator).tryAllocate(byteLength, BLOCK_ALIGNMENT);
      return offset === -1 ? this.takeBelowStack(byteLength) : this.stackBase + offset;
    }
    if (byteLength > this.heapUpTo) return -1;
    const offset = (this.heap as Allocator).tryAllocate(byteLength, BLOCK_ALIGNMENT);
    return offset === -1 ? -1 : this.heapBase + offset;
  }

  private takeBelowStack(byteLength: number): number {
    if (byteLength > this.heapUpTo) return -1;
    const offset = (this.heap as Allocator).tryAllocate(byteLength, BLOCK_ALIGNMENT);
    if (offset === -1) return -1;
    (this.tiers[0] as Tier).fellThrough += 1;
    return this.heapBase + offset;
  }

  /** A handle from the first tier for that size that has room, or -1. */
  take(byteLength: number, alignment: number): number {
    if (this.ended) return -1; // by somebody who was asked for room meanwhile
    for (const tier of this.classes) {
      if (byteLength > tier.upToBytes || byteLength * 2 <= tier.upToBytes) continue;
      const handle = tier.take(byteLength, alignment);
      this.took = tier.took;
      if (handle !== -1) return handle;
      tier.fellThrough += 1;
      break;
    }
    for (const tier of this.tiers) {
      if (byteLength > tier.upToBytes) continue;
      const handle = tier.take(byteLength, alignment);
      this.took = tier.took;
      if (handle !== -1) {
        if (tier.name === 'pool' && tier.latest?.allocator !== this.heap) this.unfold(tier);
        return handle;
      }
      tier.fellThrough += 1;
    }
    return -1;
  }

  /** Notes bytes that the budget was charged. */
  charged(bytes: number): void {
    this.books[CHARGED] = (this.books[CHARGED] as number) + bytes;
  }

  /** Gives bytes back to the budget. One that refuses does not undo the free: they are offered again with the next. */
  giveBack(wanted: number): void {
    const bytes = Math.min(wanted, this.chargedBytes); // close() has given back all
    this.books[CHARGED] = this.chargedBytes - bytes;
    if (this.owes || bytes === 0) {
      this.settle(bytes);
      return;
    }
    try {
      const answer: unknown = this.budget?.release(bytes);
      if (answer !== undefined) this.watch(answer, bytes);
    } catch {
      this.owe(bytes);
    }
  }

  // A budget may refuse by a promise. Apart: a closure in giveBack() would cost each call something.
  private watch(answer: unknown, bytes: number): void {
    ignoreFailure(answer, () => this.owe(bytes));
  }

  private owe(bytes: number): void {
    this.books[OWED] = (this.books[OWED] as number) + bytes;
    this.owes = true;
  }

  private settle(bytes: number): void {
    const all = bytes + (this.books[OWED] as number);
    if (all === 0) return;
    this.books[OWED] = 0;
    this.owes = false;
    try {
      const answer: unknown = this.budget?.release(all);
      if (answer !== undefined) this.watch(answer, all);
    } catch {
      this.owe(all);
    }
  }

  /** Bytes that the budget is charged for the blocks of here. */
  get chargedBytes(): number {
    return this.books[CHARGED] as number;
  }

  /** Bytes that were freed and that the budget refused to take back. */
  get owedBytes(): number {
    return this.books[OWED] as number;
  }

  get liveBlocks(): number {
    let live = 0;
    for (const tier of [...this.tiers, ...this.classes]) live += tier.liveBlocks;
    return live;
  }

  idleBytes(): number {
    let idle = 0;
    for (const tier of [...this.tiers, ...this.classes]) idle += tier.idleBytes();
    return idle;
  }

  /** What its tiers hold, by names for people. */
  reports(): { readonly name: string; readonly blocks: number; readonly bytes: number }[] {
    return [...this.tiers, ...this.classes].map((tier) => {
      const { liveBlocks, usedBytes } = tier.stats();
      const name = this.name === '' ? `tier ${tier.name}` : `tenant '${this.name}', tier ${tier.name}`;
      return { name, blocks: liveBlocks, bytes: usedBytes };
    });
  }

  /** As Tier.trim(), of all. @throws what one of them throws, after the others */
  trim(): number {
    try {
      return sumOfAll([...this.tiers, ...this.classes], (tier) => tier.trim());
    } finally {
      for (const tier of this.tiers) this.unfold(tier); // the one that it led to may have gone
    }
  }

  /** Lets go of all memory and of what the budget was charged for it. @throws ERR_MEMORY_IN_USE for pinned memory: what is left closes at the next call */
  close(): void {
    this.ended = true;
    this.stackUpTo = 0;
    this.heapUpTo = 0;
    this.stack = null;
    this.heap = null;
    for (const tier of [...this.tiers, ...this.classes]) tier.close();
    this.giveBack(this.chargedBytes);
  }
}

/** The tier whose allocator that is; null for one that is not the system's. */
export function tierOf(owner: Owner): Tier | null {
  return owner.data instanceof Tier ? owner.data : null;
}
