import type { Region } from '../../platform';
import type { OwnerTable } from './owner-table';

// One word holds the depth of the stack and who is changing it: bits 0-20 the depth, 21-30 the owner or 0. A change is
// made above the depth and becomes true when the word is stored with the new depth; so whoever ends while holding the
// word has changed nothing, and the next one takes the word from the dead.

const DEPTH_BITS = 21;
const DEPTH_MASK = (1 << DEPTH_BITS) - 1;
export const MAX_DEPTH = DEPTH_MASK;
const SPINS = 200;
const WAIT_MS = 1;

/** The word, as one attachment sees it. */
export class StackLock {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly book: Region;
  private readonly table: OwnerTable;
  private readonly recover: () => void;

  /** `recover` cleans up after the dead, each of them exclusively: a word is taken from its holder nowhere else. */
  constructor(words: Int32Array, at: number, book: Region, table: OwnerTable, recover: () => void) {
    this.words = words;
    this.at = at;
    this.book = book;
    this.table = table;
    this.recover = recover;
  }

  /** The depth, whether somebody is changing it or not. */
  get depth(): number {
    return Atomics.load(this.words, this.at) & DEPTH_MASK;
  }

  /** Waits for the word and takes it for `owner`; returns the depth. Others run on in between, so it is never long. */
  acquire(owner: number): number {
    const { words, at } = this;
    let seen = words[at] ?? 0;
    for (let spins = 0; ; spins += 1) {
      if (seen >>> DEPTH_BITS === 0) {
        const was = Atomics.compareExchange(words, at, seen, seen | (owner << DEPTH_BITS));
        if (was === seen) return seen & DEPTH_MASK;
        seen = was;
      } else {
        if (spins > SPINS) this.rest(seen);
        seen = Atomics.load(words, at);
      }
    }
  }

  /** Makes a depth true and lets the word go. Only for who has it. */
  release(depth: number): void {
    Atomics.store(this.words, this.at, depth);
  }

  /** Takes the word from an owner who is dead. Only for who is cleaning up after it: its number is nobody else's then. */
  breakFor(owner: number): void {
    const seen = Atomics.load(this.words, this.at);
    if (seen >>> DEPTH_BITS === owner) Atomics.compareExchange(this.words, this.at, seen, seen & DEPTH_MASK);
  }

  /** The holder has been stopped by the scheduler, or has ended. */
  private rest(seen: number): void {
    const holder = seen >>> DEPTH_BITS;
    if (this.table.isDead(holder)) this.recover();
    else this.book.wait(this.at * 4, seen, { timeout: WAIT_MS });
  }
}
