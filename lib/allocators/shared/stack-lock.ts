import { memoryError } from '../../core';
import type { Region } from '../../platform';
import { type OwnerTable, PHASES } from './owner-table';

// One word holds the depth of the stack and who is changing it: bits 0-20 the depth, 21-30 the owner or 0. A change is
// made above the depth and becomes true when the word is stored with the new depth; so whoever ends while holding the
// word has changed nothing, and the next one takes the word from the dead.

const DEPTH_BITS = 21;
const DEPTH_MASK = (1 << DEPTH_BITS) - 1;
export const MAX_DEPTH = DEPTH_MASK;
const SPINS = 200;
const WAIT_MS = 1;
/** Rests over one and the same word before it counts as overwritten: its holder is alive, or may just have ended. */
const PATIENCE = 30_000;
const DOUBTS = 64;

/** The word, as one attachment sees it. */
export class StackLock {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly book: Pick<Region, 'wait'>;
  private readonly table: OwnerTable;
  private readonly recover: () => void;
  /** The word at the last rest, and how many rests it has not changed for. */
  private watched = 0;
  private rests = 0;

  /** `recover` cleans up after the dead, each of them exclusively: a word is taken from its holder nowhere else. */
  constructor(words: Int32Array, at: number, book: Pick<Region, 'wait'>, table: OwnerTable, recover: () => void) {
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

  /**
   * Waits for the word and takes it for `owner`; returns the depth. Others run on in between, so it is never long.
   *
   * @throws ERR_MEMORY_CORRUPTION when the word names a holder that is not there, ERR_MEMORY_TIMEOUT when one that is there
   *   does not move for half a minute: its process was stopped, or the word was overwritten
   */
  acquire(owner: number): number {
    const { words, at } = this;
    const mine = owner << DEPTH_BITS;
    let seen = words[at] ?? 0;
    for (let spins = 0; ; spins += 1) {
      const holder = seen >>> DEPTH_BITS;
      // Our own number is nobody else's, and no call of ours goes on: one was cut off, as by a stack overflow.
      if (holder === owner) return seen & DEPTH_MASK;
      if (holder === 0 || (spins > SPINS && this.rest(seen))) {
        const was = Atomics.compareExchange(words, at, seen, (seen & DEPTH_MASK) | mine);
        if (was === seen) return seen & DEPTH_MASK;
        seen = was;
      } else {
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

  /** The holder has been stopped by the scheduler, or has ended. True when the word may be taken from it. */
  private rest(seen: number): boolean {
    const { table } = this;
    const holder = seen >>> DEPTH_BITS;
    if (table.isOurs(holder)) return true; // another attachment of this thread, which is inside no call but this one
    if (table.isDead(holder)) {
      this.recover();
      return false;
    }
    const waited = this.book.wait(this.at * 4, seen, { timeout: WAIT_MS }) === 'timed-out';
    this.rests = waited && this.watched === seen ? this.rests + 1 : 0;
    this.watched = seen;
    // Whoever holds the word has a place in the table, and leaves that only after the word.
    const there = holder <= table.owners && table.phaseOf(holder) !== PHASES.free;
    if (this.rests < (there ? PATIENCE : DOUBTS)) return false;
    this.rests = 0;
    throw there
      ? memoryError('ERR_MEMORY_TIMEOUT', `the shared stack is held by attachment ${holder}, which does not go on`, {
          hint: 'Its process was stopped, or something wrote into the bookkeeping region.',
        })
      : memoryError('ERR_MEMORY_CORRUPTION', `the shared stack is held by attachment ${holder}, which is not there`, {
          hint: 'Something wrote into the bookkeeping region: make the allocator anew.',
        });
  }
}
