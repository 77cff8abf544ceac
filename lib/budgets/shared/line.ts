import { type Clock, systemClock } from '../../core';
import { AREA, type BudgetBook, HEAD } from './layout';

/** So long a sign that capacity is wanted holds, and a place in the line of somebody who does not look. */
const STALE_MS = 500;
const WRAP = 2 ** 31 - 1;
/** What the process's own clock began at, on the machine's. */
const SINCE_MS = Number(process.hrtime.bigint()) / 1e6 - systemClock.nowMs();

/**
 * Milliseconds since the machine started: the same for every process, and not set back. In a time namespace of its own a
 * process has another one: then its signs look old, and it stands in no line.
 */
export const machineClock: Clock = Object.freeze({ nowMs: () => SINCE_MS + systemClock.nowMs() });

/**
 * Who lacks capacity, for the others to see: they keep nothing back then, and take nothing before those who wait longer.
 * All of it is a sign and decides no count: what is written here by somebody who ends passes by itself.
 */
export class WaitingLine {
  private readonly book: BudgetBook;
  private readonly words: Int32Array;
  private readonly owner: number;
  private readonly area: number;
  private readonly clock: Clock;

  constructor(book: BudgetBook, owner: number, clock: Clock) {
    this.book = book;
    this.words = book.words;
    this.owner = owner;
    this.area = book.areaOf(owner);
    this.clock = clock;
  }

  private now(): number {
    return (Math.floor(this.clock.nowMs()) % WRAP) + 1;
  }

  /** True while somebody lacks capacity. */
  wanted(): boolean {
    const since = Atomics.load(this.words, HEAD.wanted);
    if (since === 0) return false;
    if (Math.abs(this.now() - since) <= STALE_MS) return true;
    Atomics.compareExchange(this.words, HEAD.wanted, since, 0);
    return false;
  }

  /** Asks the others not to keep what they do not use. */
  ask(): void {
    Atomics.store(this.words, HEAD.wanted, this.now());
  }

  /** Stands in line, or goes on standing. To be repeated, otherwise the place is passed over. */
  wait(): void {
    const { words, area } = this;
    Atomics.store(words, area + AREA.beat, this.now());
    if (Atomics.load(words, area + AREA.ticket) === 0) {
      const ticket = Atomics.add(words, HEAD.tickets, 1) + 1;
      Atomics.store(words, area + AREA.ticket, ticket === 0 ? 1 : ticket);
    }
    this.ask();
  }

  leave(): void {
    if (Atomics.load(this.words, this.area + AREA.ticket) !== 0) Atomics.store(this.words, this.area + AREA.ticket, 0);
  }

  /** True when nobody stands before this member. */
  isFirst(): boolean {
    if (!this.wanted()) return true;
    const { words, book } = this;
    const mine = Atomics.load(words, this.area + AREA.ticket);
    const now = this.now();
    for (let owner = 1; owner <= book.members; owner += 1) {
      if (owner === this.owner) continue;
      const area = book.areaOf(owner);
      const ticket = words[area + AREA.ticket] as number;
      if (ticket === 0 || Math.abs(now - Atomics.load(words, area + AREA.beat)) > STALE_MS) continue;
      if (mine === 0 || ((ticket - mine) | 0) < 0) return false;
    }
    return true;
  }
}
