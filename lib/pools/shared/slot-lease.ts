import { notForUsers } from '../../core';
import type { SharedSlotLease } from './handle';

/** A slot as one attachment sees it: its view and its object are made once and stay. */
export interface Seat<T> {
  readonly slot: number;
  readonly offset: number;
  /** The loan of this attachment, if there is one. */
  holder: SlotLease<T> | null;
  bytes: Uint8Array | null;
  value: T | undefined;
  /** 0: there is no value; 1: wrap() runs; 2: there is one. */
  wrapped: 0 | 1 | 2;
}

/** What a lease asks of its pool. */
export interface SlotKeeper<T> {
  release(lease: SlotLease<T>): void;
  /** @throws when it is not held any more */
  checkHeld(lease: SlotLease<T>, method: string): void;
  isHeld(lease: SlotLease<T>): boolean;
  viewOf(seat: Seat<T>): Uint8Array;
  valueOf(lease: SlotLease<T>): T;
  describe(lease: SlotLease<T>): SharedSlotLease;
}

/** How a loan stands, as far as this attachment knows. */
export const LOAN = Object.freeze({ held: 0, offered: 1, released: 2, lost: 3 });

/**
 * A slot of a shared pool on loan to this attachment, until `release()` or the end of `using`. Each loan has a lease of
 * its own, so that an old one is told apart from the next holder's, also in the same thread.
 *
 * The bytes are shared memory that is not taken away when the loan ends: who keeps `bytes` or `value` beyond `release()`
 * reaches the next holder's bytes. So take them from the lease each time: that is checked and costs nanoseconds.
 */
export class SlotLease<T = Uint8Array> implements Disposable {
  /** @internal */
  readonly keeper: SlotKeeper<T>;
  /** @internal */
  readonly seat: Seat<T>;
  /** @internal */
  state: number = LOAN.held;

  /** Made by acquire() and adopt() of a shared pool. */
  constructor(keeper: SlotKeeper<T>, seat: Seat<T>) {
    // No more than that: this is the hot path.
    if (seat?.slot === undefined) throw notForUsers('SlotLease', 'acquire() or adopt() of a shared pool');
    this.keeper = keeper;
    this.seat = seat;
  }

  /** Number of the slot: 0 to `slots` - 1, the same in every thread and process. */
  get slot(): number {
    return this.seat.slot;
  }

  /** The slot's bytes: the same view at every loan of this slot here. @throws ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CLOSED */
  get bytes(): Uint8Array {
    const { seat } = this;
    if (seat.holder !== this || this.state !== LOAN.held) this.keeper.checkHeld(this, 'bytes');
    return seat.bytes ?? this.keeper.viewOf(seat);
  }

  /**
   * What `wrap` made of the slot's bytes, once for each slot and attachment; the bytes where there is no `wrap`.
   *
   * @throws as `bytes`, and what `wrap` throws: the loan stands then, and the next call tries again
   */
  get value(): T {
    const { seat } = this;
    if (seat.holder !== this || this.state !== LOAN.held) this.keeper.checkHeld(this, 'value');
    return seat.wrapped === 2 ? (seat.value as T) : this.keeper.valueOf(this);
  }

  /** True while this attachment has the slot by this very lease. */
  get held(): boolean {
    return this.keeper.isHeld(this);
  }

  /**
   * Plain data that names this loan, for another attachment to `adopt`: that one has the slot from then on, and this lease
   * is stale. Until then the slot is this one's to release, and comes back if its worker or process ends.
   *
   * @throws as `bytes`
   */
  get lease(): SharedSlotLease {
    this.keeper.checkHeld(this, 'lease');
    return this.keeper.describe(this);
  }

  /** Gives the slot back. @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_STALE_HANDLE when another attachment adopted it, ERR_MEMORY_CLOSED */
  release(): void {
    this.keeper.release(this);
  }

  /** Gives the slot back, unless it was given back or handed over before: for `using`. */
  [Symbol.dispose](): void {
    if (!this.keeper.isHeld(this)) return;
    try {
      this.keeper.release(this);
    } catch (error) {
      if (this.state !== LOAN.lost) throw error; // else: adopted since the look
    }
  }
}
