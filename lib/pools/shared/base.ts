import { randomInt } from 'node:crypto';
import { SharedBlockAllocator, type SharedBlockLease } from '../../allocators';
import {
  checkFunction,
  checkInteger,
  checkOptions,
  checkString,
  INSPECT,
  isMemoryError,
  notForUsers,
  parseBytes,
} from '../../core';
import { doubleRelease, exhausted, foreignRelease, poolClosed, reentrant, shown } from '../base';
import { gone, staleLoan } from './errors';
import {
  checkPoolHandle,
  checkSlotLease,
  MOST_ID,
  SHARED_POOL_VERSION,
  type SharedPoolHandle,
  type SharedPoolKind,
  type SharedSlotLease,
} from './handle';
import type { SharedPoolAttachOptions, SharedPoolOptions, SharedPoolRecovery, SharedPoolStats } from './options';
import { LOAN, type Seat, type SlotKeeper, SlotLease } from './slot-lease';

const MOST_SLOTS = 2 ** 26;
const MOST_SLOT_BYTES = 2 ** 30;
/** Seats are made in pages, when a slot is met for the first time: a large pool costs nothing before. */
const PAGE_BITS = 10;
const PAGE = 1 << PAGE_BITS;
/** So many bytes of loans does close() remember that it zeros, for memory that turns out to be pinned. */
const MOST_KEPT = 2 ** 26;

/** What create() and attach() hand to a constructor. */
export interface PoolParts<T> {
  readonly name: string;
  readonly id: number;
  readonly blocks: SharedBlockAllocator;
  readonly zeroOnAcquire: boolean;
  readonly zeroOnRelease: boolean;
  readonly wrap: ((bytes: Uint8Array, slot: number) => T) | undefined;
}

/** Makes the slots. @throws as LockFreePool.create */
export function createSlots<T>(
  where: string,
  given: SharedPoolOptions<T>,
  fallback: string,
  stockBlocks?: number,
): PoolParts<T> {
  const name = given.name === undefined ? fallback : checkString(`${where}: name`, given.name, 200);
  const blocks = checkInteger(`${where}: slots`, given.slots, 1, MOST_SLOTS);
  const blockBytes = parseBytes(given.slotBytes, `${where}: slotBytes`, { minBytes: 1, maxBytes: MOST_SLOT_BYTES });
  const { owners = 64, pages, zeroOnAcquire = false, zeroOnRelease = false, wrap } = given;
  const more = { ...(pages === undefined ? {} : { pages }), ...(stockBlocks === undefined ? {} : { stockBlocks }) };
  const made = SharedBlockAllocator.create({ name, blocks, blockBytes, owners, ...more });
  return { name, id: randomInt(1, MOST_ID), blocks: made, zeroOnAcquire, zeroOnRelease, wrap };
}

/** Attaches to the slots. @throws as LockFreePool.attach */
export function attachSlots<T>(
  where: string,
  kind: SharedPoolKind,
  value: unknown,
  options: SharedPoolAttachOptions<T> | undefined,
): { parts: PoolParts<T>; handle: SharedPoolHandle } {
  const { wrap } = checkOptions<SharedPoolAttachOptions<T>>(where, options, ['wrap']);
  if (wrap !== undefined) checkFunction(`${where}: wrap`, wrap);
  const handle = checkPoolHandle(where, kind, value);
  const { name, id, zeroOnAcquire, zeroOnRelease } = handle;
  const blocks = SharedBlockAllocator.attach(handle.blocks);
  return { parts: { name, id, blocks, zeroOnAcquire, zeroOnRelease, wrap }, handle };
}

/**
 * What the shared pools have in common: slots of one size in shared memory, and a lease for each loan. The word of a slot
 * in shared memory is the truth about who has it; a seat tells which lease of this attachment the current one is.
 */
export abstract class SharedPoolBase<T> implements Disposable, SlotKeeper<T> {
  readonly name: string;
  /** How many slots there are. */
  readonly slots: number;
  readonly slotBytes: number;
  protected readonly blocks: SharedBlockAllocator;
  protected readonly id: number;
  private readonly kind: SharedPoolKind;
  private readonly zeroOnAcquire: boolean;
  private readonly zeroOnRelease: boolean;
  private readonly wrap: ((bytes: Uint8Array, slot: number) => T) | undefined;
  private readonly pages: (Seat<T> | undefined)[][];
  protected closed = false;
  private last: SharedPoolStats | undefined;

  protected constructor(kind: SharedPoolKind, parts: PoolParts<T>) {
    const className = new.target.name;
    if (!((parts as PoolParts<T> | undefined)?.blocks instanceof SharedBlockAllocator)) {
      throw notForUsers(className, `${className}.create() or ${className}.attach()`);
    }
    this.kind = kind;
    this.name = parts.name;
    this.id = parts.id;
    this.blocks = parts.blocks;
    this.slots = parts.blocks.blocks;
    this.slotBytes = parts.blocks.blockBytes;
    this.zeroOnAcquire = parts.zeroOnAcquire;
    this.zeroOnRelease = parts.zeroOnRelease;
    this.wrap = parts.wrap;
    this.pages = new Array<(Seat<T> | undefined)[]>(Math.ceil(this.slots / PAGE)).fill([]);
  }

  /** This attachment's number, 1 to `owners`. */
  get owner(): number {
    return this.blocks.owner;
  }

  /** The bound: as `slots`. */
  get maxSize(): number {
    return this.slots;
  }

  /** Slots that exist: always all of them. */
  get size(): number {
    return this.closed ? 0 : this.slots;
  }

  /** Slots that all attachments together have lent; exact unless somebody died inside a call. */
  get borrowed(): number {
    return this.blocks.usedBytes / this.slotBytes;
  }

  get idle(): number {
    return this.size - this.borrowed;
  }

  /** For others to attach: plain data for postMessage, workerData or IPC. @throws ERR_MEMORY_CLOSED */
  get handle(): SharedPoolHandle {
    this.needOpen('handle');
    return Object.freeze({ ...this.handleParts() });
  }

  protected handleParts(): SharedPoolHandle {
    const { name, id, kind, zeroOnAcquire, zeroOnRelease } = this;
    const blocks = this.blocks.handle;
    return {
      type: 'nebula-memory.shared-pool',
      kind,
      version: SHARED_POOL_VERSION,
      name,
      id,
      zeroOnAcquire,
      zeroOnRelease,
      blocks,
    };
  }

  // ---- lending -------------------------------------------------------------------------------------------------------

  /** A lease of any slot that is free; undefined without one. */
  protected claim(): SlotLease<T> | undefined {
    const offset = this.blocks.tryAllocate(this.slotBytes);
    return offset === -1 ? undefined : this.lend(offset);
  }

  /** As claim(), looking for the dead before it refuses: exhausted only when all slots are lent to the living. */
  protected claimSurely(): SlotLease<T> {
    let offset: number;
    try {
      offset = this.blocks.allocate(this.slotBytes);
    } catch (error) {
      if (!isMemoryError(error, 'ERR_MEMORY_POOL_EXHAUSTED')) throw error;
      throw exhausted(this.name, 'acquire', this.borrowed, this.slots);
    }
    return this.lend(offset);
  }

  private lend(offset: number): SlotLease<T> {
    const seat = this.seatAt(offset);
    const lease = new SlotLease<T>(this, seat);
    if (this.zeroOnAcquire) this.zeroOrFree(seat);
    seat.holder = lease;
    return lease;
  }

  private zeroOrFree(seat: Seat<T>): void {
    try {
      this.viewOf(seat).fill(0);
    } catch (error) {
      this.blocks.deallocate(seat.offset, this.slotBytes);
      throw error;
    }
  }

  private seatAt(offset: number): Seat<T> {
    const slot = (offset / this.slotBytes) | 0;
    return this.pages[slot >>> PAGE_BITS]?.[slot & (PAGE - 1)] ?? this.makeSeat(slot, offset);
  }

  private makeSeat(slot: number, offset: number): Seat<T> {
    const at = slot >>> PAGE_BITS;
    let page = this.pages[at];
    if (page === undefined || page.length === 0) {
      page = new Array<Seat<T> | undefined>(Math.min(PAGE, this.slots)).fill(undefined);
      this.pages[at] = page;
    }
    const seat: Seat<T> = { slot, offset, holder: null, bytes: null, value: undefined, wrapped: 0 };
    page[slot & (PAGE - 1)] = seat;
    return seat;
  }

  /**
   * Takes a slot back.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE for what is no lease of this attachment,
   *   ERR_MEMORY_STALE_HANDLE when another attachment adopted the slot, ERR_MEMORY_CLOSED after close()
   */
  release(lease: SlotLease<T>): void {
    if (!(lease instanceof SlotLease) || lease.keeper !== this) {
      throw foreignRelease(this.name, 'release', 'what was given');
    }
    const { seat } = lease;
    if (seat.holder !== lease || lease.state !== LOAN.held) this.checkHeld(lease, 'release');
    if (this.zeroOnRelease) this.wipe(lease);
    try {
      this.blocks.deallocate(seat.offset, this.slotBytes);
    } catch (error) {
      throw this.notReleased(lease, error);
    }
    lease.state = LOAN.released;
    seat.holder = null;
  }

  /** Zeros a slot that goes back. Who has got its lease shall not adopt it meanwhile and find its bytes gone. */
  private wipe(lease: SlotLease<T>): void {
    try {
      if (lease.state === LOAN.offered) this.blocks.renew(lease.seat.offset);
    } catch (error) {
      throw this.notReleased(lease, error);
    }
    this.viewOf(lease.seat).fill(0);
  }

  private notReleased(lease: SlotLease<T>, error: unknown): unknown {
    if (!isMemoryError(error, 'ERR_MEMORY_FOREIGN_FREE') && !isMemoryError(error, 'ERR_MEMORY_DOUBLE_FREE'))
      return error;
    this.lose(lease);
    return this.staleError(lease, 'release');
  }

  /**
   * Makes this attachment the holder of a slot that another one, in this or another thread or process, has on loan: by the
   * plain data of its `lease`, which serves once: one of several who try gets the slot.
   *
   * @throws ERR_MEMORY_STALE_HANDLE when the slot was adopted or given back since, or came back from the dead,
   *   ERR_MEMORY_FOREIGN_FREE for the lease of another pool, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_CLOSED
   */
  adopt(lease: SharedSlotLease | SharedBlockLease): SlotLease<T> {
    const where = `${this.name}.adopt`;
    this.needOpen('adopt');
    const checked = checkSlotLease(where, this.id, this.slotBytes, lease);
    const { offset } = checked;
    const slot = checkInteger(`${where}: slot`, offset / this.slotBytes, 0, this.slots - 1);
    try {
      this.blocks.adopt(checked);
    } catch (error) {
      const late = isMemoryError(error, 'ERR_MEMORY_STALE_HANDLE') || isMemoryError(error, 'ERR_MEMORY_FOREIGN_FREE');
      throw late ? gone(where, this.name, slot) : error;
    }
    const seat = this.seatAt(offset);
    if (seat.holder !== null) this.lose(seat.holder); // our own, or one from before it was adopted elsewhere
    const own = new SlotLease<T>(this, seat);
    seat.holder = own;
    return own;
  }

  /** Gives a slot back and forgets what `wrap` made of it: the next holder here gets a new one. @throws as release() */
  destroy(lease: SlotLease<T>): void {
    this.release(lease);
    this.forget(lease.seat);
  }

  /** Forgets views, and what `wrap` made, of slots that this attachment does not hold. @returns how many */
  clear(): number {
    this.needOpen('clear');
    let forgotten = 0;
    for (const page of this.pages) {
      for (const seat of page) {
        if (seat === undefined || seat.holder !== null || (seat.bytes === null && seat.wrapped === 0)) continue;
        this.forget(seat);
        forgotten += 1;
      }
    }
    return forgotten;
  }

  private forget(seat: Seat<T>): void {
    seat.bytes = null;
    seat.value = undefined;
    seat.wrapped = 0;
  }

  // ---- what a lease asks ---------------------------------------------------------------------------------------------

  /** @internal */
  viewOf(seat: Seat<T>): Uint8Array {
    seat.bytes ??= this.blocks.view(seat.offset, this.slotBytes);
    return seat.bytes;
  }

  /** @internal */
  valueOf(lease: SlotLease<T>): T {
    const { seat } = lease;
    if (this.wrap === undefined) return this.viewOf(seat) as T;
    if (seat.wrapped === 2) return seat.value as T;
    if (seat.wrapped === 1) throw reentrant(this.name, 'value', 'wrap');
    seat.wrapped = 1;
    let value: T;
    try {
      value = this.wrap(this.viewOf(seat), seat.slot);
    } catch (error) {
      seat.wrapped = 0;
      throw error;
    }
    // wrap may have released it, or closed the pool.
    if (this.closed) this.needOpen('value');
    seat.value = value;
    seat.wrapped = 2;
    this.checkHeld(lease, 'value');
    return value;
  }

  /** @internal */
  isHeld(lease: SlotLease<T>): boolean {
    if (this.closed || lease.seat.holder !== lease) return false;
    if (lease.state !== LOAN.offered || this.blocks.ownerOf(lease.seat.offset) === this.blocks.owner) return true;
    this.lose(lease);
    return false;
  }

  /** @internal */
  checkHeld(lease: SlotLease<T>, method: string): void {
    if (this.isHeld(lease)) return;
    if (this.closed) throw poolClosed(this.name, method);
    if (lease.state === LOAN.released && method === 'release') throw doubleRelease(this.name, method);
    throw this.staleError(lease, method);
  }

  /** @internal */
  describe(lease: SlotLease<T>): SharedSlotLease {
    const { offset, slot } = lease.seat;
    let block: SharedBlockLease;
    try {
      block = this.blocks.lease(offset);
    } catch (error) {
      throw this.notReleased(lease, error);
    }
    lease.state = LOAN.offered;
    return Object.freeze({ ...block, pool: this.id, slot });
  }

  private lose(lease: SlotLease<T>): void {
    lease.state = LOAN.lost;
    if (lease.seat.holder === lease) lease.seat.holder = null;
  }

  private staleError(lease: SlotLease<T>, method: string): Error {
    const why = lease.state === LOAN.released ? 'was given back before' : 'was adopted by somebody else';
    return staleLoan(this.name, method, lease.slot, why);
  }

  // ---- life ----------------------------------------------------------------------------------------------------------

  /**
   * Takes back what attachments held whose worker was terminated or whose process ended without close(). Also done by
   * itself before a request is refused. Any attachment may call it at any time. @throws ERR_MEMORY_CLOSED
   */
  recover(): SharedPoolRecovery {
    this.needOpen('recover');
    const { owners, blocks } = this.blocks.recover();
    return { owners, slots: blocks };
  }

  /** Sums over all attachments; asking costs the same however many slots there are. After close(): as it was then. */
  stats(): SharedPoolStats {
    return this.last ?? this.count();
  }

  private count(): SharedPoolStats {
    const { allocations, deallocations, failures, usedBytes, peakUsedBytes } = this.blocks.stats();
    const { attachments, common, stolen, steals } = this.blocks.sharing;
    const borrowed = usedBytes / this.slotBytes;
    return Object.freeze({
      name: this.name,
      idle: this.slots - borrowed,
      borrowed,
      size: this.slots,
      maxSize: this.slots,
      waiting: 0,
      acquires: allocations,
      releases: deallocations,
      hits: allocations,
      misses: 0,
      refusals: failures,
      creates: this.slots,
      disposals: 0,
      detached: 0,
      invalid: 0,
      expired: 0,
      peakBorrowed: peakUsedBytes / this.slotBytes,
      peakSize: this.slots,
      slotBytes: this.slotBytes,
      owners: attachments,
      localHits: Math.max(0, allocations - common),
      stolen,
      steals,
      ...this.moreStats(),
    });
  }

  protected moreStats(): Partial<SharedPoolStats> {
    return {};
  }

  /**
   * Ends this attachment: what it has on loan comes back at once, its leases and views are of no use any more; the others
   * go on. The memory goes with the last attachment. Idempotent.
   *
   * @throws ERR_MEMORY_IN_USE while the memory is pinned: nothing has ended then; with `zeroOnRelease`, leases that were
   *   sent cannot be adopted any more, and of loans beyond 64 MiB the bytes are zeros
   */
  close(): void {
    if (this.closed) return;
    const last = this.count();
    const wiped = this.zeroOnRelease ? this.wipeAll() : null;
    try {
      this.blocks.dispose();
    } finally {
      if (this.blocks.disposed) this.end(last);
      else wiped?.forEach((bytes, seat) => void this.viewOf(seat).set(bytes));
    }
  }

  /** Zeros what this attachment has on loan, before it comes back. @returns what was there, up to a bound */
  private wipeAll(): Map<Seat<T>, Uint8Array> {
    const kept = new Map<Seat<T>, Uint8Array>();
    for (const page of this.pages) {
      for (const seat of page) {
        const holder = seat?.holder;
        if (seat === undefined || !holder || this.blocks.ownerOf(seat.offset) !== this.owner) continue;
        try {
          const bytes = (kept.size + 1) * this.slotBytes <= MOST_KEPT ? this.viewOf(seat).slice() : undefined;
          this.wipe(holder);
          if (bytes !== undefined) kept.set(seat, bytes);
        } catch {
          // adopted since the look, or the bookkeeping was overwritten: the pool ends all the same
        }
      }
    }
    return kept;
  }

  /** After the slots were let go of. */
  protected end(last: SharedPoolStats): void {
    this.closed = true;
    this.last = Object.freeze({ ...last, waiting: 0 });
    for (const page of this.pages) {
      for (const seat of page) {
        if (seat === undefined) continue;
        seat.holder = null;
        this.forget(seat);
      }
    }
    this.pages.length = 0;
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & SharedPoolStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  [INSPECT](): string {
    return shown(this, this.stats(), this.closed);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected needOpen(method: string): void {
    if (this.closed) throw poolClosed(this.name, method);
  }
}
