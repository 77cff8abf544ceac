import { memoryError } from '../../core';
import { AREA, type BudgetBook, HEAD, joined } from './layout';

// Moving units between what is granted to all and what one member holds changes two words, and whoever does it can end
// between the two: its worker is terminated, its process killed. Yet every unit must be found again, and none twice.
//
// So what is granted carries a mark in the same 64 bits: owner and number of the operation that made it so. A member
// writes what it is going to do into its own area first, then exchanges the cell, then settles its area. Who replaces a
// mark first notes in the area of the one marked that this operation was done. Whether an operation that somebody left
// open was done is then certain: its mark is in the cell, or it was noted, or it was not done. Nobody waits for anybody:
// a member that is stopped in the middle, by a debugger or SIGSTOP, holds up no other one.
//
// BigInts are made here, and only here: once for a step of capacity, not for a reservation.

const NUMBER_BITS = 22;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;

/** The count of what members of a shared budget hold together, and each of them. In units. */
export class Ledger {
  private readonly book: BudgetBook;
  private readonly words: Int32Array;

  constructor(book: BudgetBook) {
    this.book = book;
    this.words = book.words;
  }

  /** Units that members hold together. */
  get granted(): number {
    return Atomics.load(this.words, HEAD.granted);
  }

  /** Changes whenever units move: for readings that must belong together. */
  get mark(): number {
    return Atomics.load(this.words, HEAD.granted + 1);
  }

  /** Units that a member holds. */
  heldBy(owner: number): number {
    const area = this.book.areaOf(owner);
    const open = Atomics.load(this.words, area + AREA.open);
    const done = open !== 0 && this.wasDone(owner, area, open);
    return Atomics.load(this.words, area + (done ? AREA.after : AREA.settled));
  }

  /** Takes at least `need` and at most `most` units for a member, one call at a time. @returns how many; 0 for none */
  take(owner: number, need: number, most: number): number {
    for (;;) {
      const limit = this.book.limitUnits;
      const got = this.move(owner, (granted) => {
        const room = Math.min(most, limit - granted);
        return room < need ? 0 : room;
      });
      if (got === 0) return 0;
      // A limit that was lowered meanwhile may not have seen these units: nothing of them was handed out yet.
      if (this.book.limitUnits >= limit) return got;
      this.give(owner, got);
    }
  }

  /** Gives units of a member back. */
  give(owner: number, units: number): void {
    this.move(owner, () => -units);
  }

  /** Finishes what a member left open, in whose place nobody acts any more, and gives back all that it holds. Repeatable. */
  clean(owner: number): number {
    const area = this.book.areaOf(owner);
    this.finish(owner, area);
    const units = Atomics.load(this.words, area + AREA.settled);
    if (units > 0) this.give(owner, units);
    return units;
  }

  private move(owner: number, amount: (granted: number) => number): number {
    const { words } = this;
    const { cells } = this.book;
    const area = this.book.areaOf(owner);
    this.finish(owner, area);
    const held = Atomics.load(words, area + AREA.settled);
    const number = ((Atomics.load(words, area + AREA.last) & NUMBER_MASK) % NUMBER_MASK) + 1;
    const mine = (owner << NUMBER_BITS) | number;
    for (;;) {
      const granted = Atomics.load(words, HEAD.granted);
      const mark = Atomics.load(words, HEAD.granted + 1); // of another moment perhaps: then the exchange fails
      const units = amount(granted);
      if (units !== 0 && (granted + units < 0 || held + units < 0)) this.finishAndThrow(area, granted, held);
      if (units === 0) {
        Atomics.store(words, area + AREA.open, 0);
        return 0;
      }
      Atomics.store(words, area + AREA.after, held + units);
      Atomics.store(words, area + AREA.open, number);
      this.note(mark);
      const seen = joined(granted, mark);
      if (Atomics.compareExchange(cells, HEAD.granted / 2, seen, joined(granted + units, mine)) !== seen) continue;
      this.settle(area, number);
      return units;
    }
  }

  private settle(area: number, number: number): void {
    const { words } = this;
    Atomics.store(words, area + AREA.settled, Atomics.load(words, area + AREA.after));
    Atomics.store(words, area + AREA.last, number);
    Atomics.store(words, area + AREA.open, 0);
  }

  /** Brings an operation that was left open to its end: settled if it was done, forgotten if not. */
  private finish(owner: number, area: number): void {
    const open = Atomics.load(this.words, area + AREA.open);
    if (open === 0) return;
    if (this.wasDone(owner, area, open)) this.settle(area, open);
    else Atomics.store(this.words, area + AREA.open, 0);
  }

  private wasDone(owner: number, area: number, number: number): boolean {
    // In this order: the mark leaves the cell after it was noted.
    if (this.mark === ((owner << NUMBER_BITS) | number)) return true;
    return Atomics.load(this.words, area + AREA.noted) === number;
  }

  /** Notes that the operation of a mark was done. A late one changes nothing that was noted since. */
  private note(mark: number): void {
    const owner = mark >>> NUMBER_BITS;
    const number = mark & NUMBER_MASK;
    if (owner === 0) return;
    if (owner > this.book.members) throw broken(`operation of member ${owner} of ${this.book.members}`);
    const at = this.book.areaOf(owner) + AREA.noted;
    const noted = Atomics.load(this.words, at);
    const ahead = (number - noted) & NUMBER_MASK;
    if (ahead === 0 || ahead > NUMBER_MASK / 2) return;
    Atomics.compareExchange(this.words, at, noted, number); // where it fails somebody else has noted it
  }

  private finishAndThrow(area: number, granted: number, held: number): never {
    Atomics.store(this.words, area + AREA.open, 0);
    throw broken(`${granted} units granted in all, ${held} held by this member`);
  }
}

function broken(what: string): Error {
  return memoryError('ERR_MEMORY_CORRUPTION', `SharedBudget: its region holds what cannot be: ${what}`, {
    hint: 'Something else wrote into the memory of the budget.',
  });
}
