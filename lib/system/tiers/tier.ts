import { type Allocator, type BudgetLike, isMemoryError } from '../../core';
import type { AllocatorManager, Owner } from '../../manager';
import { unwrap } from '../../tracking';
import type { TierName } from './options';

/** Blocks have at least this alignment. */
export const BLOCK_ALIGNMENT = 16;

/** What a tier tells of itself. Bytes. */
export interface TierStats {
  readonly tier: TierName;
  /** Largest request that begins here; null without a bound. */
  readonly upToBytes: number | null;
  readonly allocators: number;
  readonly liveBlocks: number;
  /** As its allocators count, with rounding. */
  readonly usedBytes: number;
  /** Held from the system, in use or not. */
  readonly reservedBytes: number;
  /** Requests that it served. */
  readonly served: number;
  /** Requests that it had no room for: the next tier was asked. */
  readonly fellThrough: number;
}

/** Where the allocators of one tier come from. Internal. */
export interface TierPlan {
  readonly name: TierName;
  readonly upToBytes: number;
  /** Most allocators. */
  readonly most: number;
  /** Makes one more. */
  make(index: number): Allocator;
  /** True where tryAllocate() of a right size never throws, so that the fast path may call it unguarded. */
  readonly isPlain: boolean;
  /** True where a block of the usual alignment may take more than chargeOf() of its size. */
  readonly takesMore: boolean;
  /** Bytes that empty allocators may keep; null: they are left alone until trim(). */
  readonly retainBytes: number | null;
}

/** Whose tier it is: the system itself or a tenant. Internal. */
export interface TierHome {
  readonly name: string;
  readonly budget: BudgetLike | null;
  giveBack(bytes: number): void;
}

/**
 * One or more allocators for requests of a range of sizes; further ones are made when those that are there have no room, and
 * go again by trim() when they are empty.
 */
export class Tier {
  readonly home: TierHome;
  readonly name: TierName;
  readonly upToBytes: number;
  /** True where a free has to come by afterFree(), or while blocks have a charge of their own. */
  watchesFrees: boolean;
  /** True where tryAllocate() of a right size never throws. */
  readonly isPlain: boolean;
  readonly owners: Owner[] = [];
  /** Requests that found no room here. */
  fellThrough = 0;
  /** What the block that was handed out last took; 0 where that is no more than chargeOf() of its size. */
  took = 0;
  /** What blocks were charged, by handle, where that is not chargeOf() of their size. */
  private readonly charges = new Map<number, number>();
  /** Those whose memory is half gone, since giving it back failed: they serve nobody, and trim() and close() try again. */
  private readonly leaving = new Set<Owner>();
  /** Counters of allocators that have gone. */
  private servedBefore = 0;
  private readonly plan: TierPlan;
  private readonly manager: AllocatorManager;
  private readonly prefix: string;
  private current = 0;
  private serial = 0;

  constructor(home: TierHome, prefix: string, plan: TierPlan, manager: AllocatorManager) {
    this.home = home;
    this.watchesFrees = plan.retainBytes !== null;
    this.isPlain = plan.isPlain;
    this.name = plan.name;
    this.upToBytes = plan.upToBytes;
    this.plan = plan;
    this.manager = manager;
    this.prefix = prefix;
  }

  /** A handle, or -1 where no allocator has room and none can be added. */
  take(byteLength: number, alignment: number): number {
    const { owners } = this;
    for (let step = 0; step < owners.length; step += 1) {
      const at = (this.current + step) % owners.length;
      const handle = this.takeFrom(owners[at] as Owner, byteLength, alignment);
      if (handle === -1) continue;
      this.current = at;
      return handle;
    }
    const more = this.grow();
    const handle = more === null ? -1 : this.takeFrom(more, byteLength, alignment);
    if (handle !== -1) this.current = owners.length - 1;
    return handle;
  }

  private takeFrom(owner: Owner, byteLength: number, alignment: number): number {
    if (this.leaving.size > 0 && this.leaving.has(owner)) return -1;
    const { allocator } = owner;
    const counts = this.home.budget !== null && (this.plan.takesMore || alignment > BLOCK_ALIGNMENT);
    const before = counts ? allocator.usedBytes : 0;
    this.took = 0;
    let offset: number;
    try {
      offset = allocator.tryAllocate(byteLength, alignment);
    } catch (error) {
      if (isMemoryError(error) && (error.category === 'exhausted' || error.code === 'ERR_MEMORY_CLOSED')) return -1;
      throw error;
    }
    if (offset === -1) return -1;
    if (counts) this.took = allocator.usedBytes - before;
    try {
      return this.manager.space.handleOf(owner, offset);
    } catch (error) {
      allocator.deallocate(offset, byteLength);
      throw error;
    }
  }

  /** Keeps what a block was charged until it is freed. */
  keepCharge(handle: number, bytes: number): void {
    this.charges.set(handle, bytes);
    this.watchesFrees = true;
  }

  /** What keepCharge() was told of a block, which is about to be freed; undefined where its size says it. */
  takeCharge(handle: number): number | undefined {
    const kept = this.charges.get(handle);
    if (kept === undefined) return undefined;
    this.charges.delete(handle);
    this.watchesFrees = this.charges.size > 0 || this.plan.retainBytes !== null;
    return kept;
  }

  /** The one that served last: the next request is tried there first. */
  get latest(): Owner | null {
    return this.owners[this.current] ?? null;
  }

  /** Makes one more allocator; null at the bound, or where the system has no memory for it. */
  grow(): Owner | null {
    if (this.owners.length >= this.plan.most) return null;
    let allocator: Allocator;
    try {
      allocator = this.plan.make(this.serial);
    } catch (error) {
      if (isMemoryError(error) && error.category === 'exhausted') return null;
      throw error;
    }
    const name = this.serial === 0 ? `${this.prefix}${this.name}` : `${this.prefix}${this.name}-${this.serial + 1}`;
    this.serial += 1;
    const owner = this.enter(name, allocator);
    owner.data = this;
    this.owners.push(owner);
    return owner;
  }

  private enter(name: string, allocator: Allocator): Owner {
    try {
      return this.manager.enter(name, allocator, { owned: true });
    } catch (error) {
      try {
        allocator[Symbol.dispose](); // nobody else knows of it
      } catch {
        // why it could not be entered is what helps
      }
      throw error;
    }
  }

  /** After a block of it was freed: an allocator that is empty gives back what is above `retainBytes`. */
  afterFree(owner: Owner): void {
    const { retainBytes } = this.plan;
    if (retainBytes === null || owner.allocator.stats().liveAllocations > 0) return;
    let kept = 0;
    for (const other of this.owners) {
      const { liveAllocations, reservedBytes } = other.allocator.stats();
      if (liveAllocations === 0 && other !== owner) kept += reservedBytes;
    }
    trimOf(owner.allocator, Math.max(0, retainBytes - kept));
  }

  /**
   * Gives what is free back to the system; allocators without blocks, but for the first, go. Returns the bytes.
   *
   * @throws ERR_MEMORY_IN_USE for pinned memory, and what a provider throws, once the others have gone
   */
  trim(): number {
    const freed = sumOfAll([...this.owners].reverse(), (owner) => this.trimOne(owner));
    this.current = Math.min(this.current, Math.max(0, this.owners.length - 1));
    return freed;
  }

  private trimOne(owner: Owner): number {
    const freed = trimOf(owner.allocator, 0);
    const stats = owner.allocator.stats();
    if (owner === this.owners[0] || stats.liveAllocations > 0) return freed;
    this.current = 0; // the first one stays, whatever becomes of this one
    this.letGo(owner, false);
    return freed;
  }

  private letGo(owner: Owner, force: boolean): void {
    const { allocations } = owner.allocator.stats();
    try {
      this.manager.unregister(owner.name, { force });
    } catch (error) {
      // Pinned memory is still all there.
      if (!isMemoryError(error) || error.code !== 'ERR_MEMORY_IN_USE') this.leaving.add(owner);
      throw error;
    }
    this.leaving.delete(owner);
    this.servedBefore += allocations;
    this.owners.splice(this.owners.indexOf(owner), 1);
  }

  /** Free memory that may be present: what trim() could give at most. */
  idleBytes(): number {
    let idle = 0;
    for (const { allocator } of this.owners) {
      const { reservedBytes, peakUsedBytes, usedBytes } = allocator.stats();
      idle += Math.max(0, Math.min(reservedBytes, peakUsedBytes) - usedBytes);
    }
    return idle;
  }

  /** Blocks that are handed out. */
  get liveBlocks(): number {
    let live = 0;
    for (const { allocator } of this.owners) live += allocator.stats().liveAllocations;
    return live;
  }

  stats(): TierStats {
    let liveBlocks = 0;
    let usedBytes = 0;
    let reservedBytes = 0;
    let served = this.servedBefore;
    for (const { allocator } of this.owners) {
      const stats = allocator.stats();
      liveBlocks += stats.liveAllocations;
      usedBytes += stats.usedBytes;
      reservedBytes += stats.reservedBytes;
      served += stats.allocations;
    }
    return Object.freeze({
      tier: this.name,
      upToBytes: Number.isFinite(this.upToBytes) ? this.upToBytes : null,
      allocators: this.owners.length,
      liveBlocks,
      usedBytes,
      reservedBytes,
      served,
      fellThrough: this.fellThrough,
    });
  }

  /** Lets go of everything, whatever is handed out. */
  close(): void {
    for (const owner of [...this.owners].reverse()) this.letGo(owner, true);
    this.charges.clear();
    this.serial = 0;
    this.current = 0;
  }
}

/** The sum over all. @throws what the first one that failed threw, after the others */
export function sumOfAll<T>(items: Iterable<T>, count: (item: T) => number): number {
  let total = 0;
  const errors: unknown[] = [];
  for (const item of items) {
    try {
      total += count(item);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return total;
}

/** Trims what is at the bottom of an allocator's adaptors; 0 where it cannot. */
function trimOf(allocator: Allocator, keepBytes: number): number {
  const bottom = unwrap(allocator) as Allocator & { trim?(keepBytes: number): number };
  if (typeof bottom.trim !== 'function') return 0;
  try {
    return bottom.trim(keepBytes);
  } catch (error) {
    if (isMemoryError(error)) return 0; // pinned, locked, or of a kind that cannot give back: it stays
    throw error;
  }
}
