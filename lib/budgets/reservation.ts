import { type BudgetLike, checkInteger, type MemoryError, memoryError, stopTimer, type Timers } from '../core';

/**
 * When a reservation takes its bytes: `strict` all of them now; `elastic` what is free now and the rest at claim();
 * `bestEffort` nothing before claim().
 */
export type ReservationMode = 'strict' | 'elastic' | 'bestEffort';

export type ReservationState = 'held' | 'claimed' | 'canceled' | 'expired';

/**
 * Bytes of a budget that somebody holds. Ends exactly once: by claim(), which leaves the bytes charged and makes the
 * caller answerable for them, by cancel() or `using`, or by its expiry. Belongs to one thread.
 */
export class Reservation implements Disposable {
  private readonly budget: BudgetLike;
  private readonly timers: Timers;
  private charged: number;
  private wanted: number;
  private ended: ReservationState = 'held';
  private timer: unknown = null;

  /** Internal: made by a budget, with `chargedBytes` taken already. */
  constructor(budget: BudgetLike, chargedBytes: number, wantedBytes: number, timers: Timers, expiresMs?: number) {
    this.budget = budget;
    this.timers = timers;
    this.charged = chargedBytes;
    this.wanted = wantedBytes;
    if (expiresMs === undefined) return;
    try {
      this.timer = timers.start(() => this.expire(), expiresMs);
    } catch (error) {
      this.giveBack('canceled'); // nobody gets this object: its bytes would be lost
      throw error;
    }
  }

  get state(): ReservationState {
    return this.ended;
  }

  /** Bytes that are charged to the budget for it now; 0 once it has ended other than by claim(). */
  get bytes(): number {
    return this.charged;
  }

  /** Bytes that claim() will have charged. */
  get wantedBytes(): number {
    return this.wanted;
  }

  /** Takes more. @throws ERR_MEMORY_BUDGET_EXCEEDED and keeps what it has, ERR_MEMORY_STALE_HANDLE once ended */
  grow(bytes: number): void {
    this.open('grow');
    checkInteger('Reservation.grow: bytes', bytes, 1);
    this.budget.reserve(bytes);
    this.keep('grow', bytes);
    this.wanted += bytes;
  }

  /** As grow(), but false where there is no room. */
  tryGrow(bytes: number): boolean {
    this.open('tryGrow');
    checkInteger('Reservation.tryGrow: bytes', bytes, 1);
    if (!this.budget.tryReserve(bytes)) return false;
    this.keep('tryGrow', bytes);
    this.wanted += bytes;
    return true;
  }

  /** Gives some back. @throws ERR_MEMORY_OUT_OF_RANGE for more than it has */
  shrink(bytes: number): void {
    this.open('shrink');
    checkInteger('Reservation.shrink: bytes', bytes, 1, this.charged);
    this.charged -= bytes;
    this.wanted -= bytes;
    this.budget.release(bytes);
  }

  /** Moves some of the bytes to a reservation of their own, without expiry. The budget does not notice. */
  split(bytes: number): Reservation {
    this.open('split');
    checkInteger('Reservation.split: bytes', bytes, 1, this.charged);
    this.charged -= bytes;
    this.wanted -= bytes;
    return new Reservation(this.budget, bytes, bytes, this.timers);
  }

  /**
   * Ends the reservation and leaves its bytes charged: from here on the caller releases them, by `budget.release`.
   *
   * @returns the bytes
   * @throws ERR_MEMORY_BUDGET_EXCEEDED where the rest of an elastic or best-effort one cannot be had: it stays as it is;
   *   ERR_MEMORY_STALE_HANDLE after its expiry, a cancel() or a claim()
   */
  claim(): number {
    this.open('claim');
    if (this.wanted > this.charged) {
      const rest = this.wanted - this.charged;
      this.budget.reserve(rest);
      this.keep('claim', rest);
    }
    this.end('claimed');
    return this.charged;
  }

  /** Gives everything back. @throws ERR_MEMORY_STALE_HANDLE once ended */
  cancel(): void {
    this.open('cancel');
    this.giveBack('canceled');
  }

  /** Cancels unless it has ended: for `using`. */
  [Symbol.dispose](): void {
    if (this.ended === 'held') this.giveBack('canceled');
  }

  private expire(): void {
    try {
      if (this.ended === 'held') this.giveBack('expired');
    } catch {
      // Its bytes were released by hand. In a timer nobody could catch what tells that.
    }
  }

  private giveBack(state: ReservationState): void {
    const bytes = this.charged;
    this.charged = 0;
    this.wanted = 0;
    this.end(state);
    if (bytes > 0) this.budget.release(bytes);
  }

  private end(state: ReservationState): void {
    this.ended = state;
    if (this.timer !== null) stopTimer(this.timers, this.timer);
    this.timer = null;
  }

  /** Counts bytes that were just reserved, unless a reclaimer that ran for them has ended this reservation. */
  private keep(what: string, bytes: number): void {
    if (this.ended !== 'held') {
      this.budget.release(bytes);
      throw this.stale(what);
    }
    this.charged += bytes;
  }

  private open(what: string): void {
    if (this.ended !== 'held') throw this.stale(what);
  }

  private stale(what: string): MemoryError {
    return memoryError('ERR_MEMORY_STALE_HANDLE', `Reservation.${what}: the reservation has ended: ${this.ended}`, {
      source: this.budget.name,
    });
  }
}
