import { Hints } from './hints';
import type { SharedMemory } from './memory';
import type { OwnerTable } from './owner-table';

// One word for each block is the truth: bits 0-9 the owner (0 = free), bits 10-31 a generation that every free advances.
// One compare-and-exchange on it decides every step, so nobody can end in the middle of one.

export const OWNER_BITS = 10;
export const OWNER_MASK = (1 << OWNER_BITS) - 1;

/** Words in front of the states, so that what changes all the time has cache lines of its own. */
const GAP = 32;

/**
 * Blocks that an attachment freed last and takes again first, in words of its own: free for everybody by their state, but
 * without a hint, which costs two atomic operations a pair. Who finds no hint looks here too.
 */
export const STOCK = 32;

/** Words of the own area for so many blocks: stocks, states, sizes as asked for, hints. */
export function blockWords(blocks: number, owners: number): number {
  return GAP + owners * STOCK + 2 * blocks + GAP + Hints.wordsFor(blocks) + GAP;
}

/** The word of a block after it was freed. */
export function freed(state: number): number {
  return ((state >>> OWNER_BITS) + 1) << OWNER_BITS;
}

/** States, sizes and hints of the blocks in shared bookkeeping. */
export class BlockStates {
  readonly blocks: number;
  readonly words: Int32Array;
  /** First word of the stocks. */
  readonly stocks: number;
  private readonly table: OwnerTable;
  /** First word of the states, and of the sizes. */
  readonly states: number;
  readonly sizes: number;
  readonly hints: Hints;

  constructor(memory: SharedMemory, blocks: number) {
    this.blocks = blocks;
    this.words = memory.words;
    this.table = memory.table;
    this.stocks = memory.own + GAP;
    this.states = this.stocks + memory.layout.owners * STOCK;
    this.sizes = this.states + blocks;
    this.hints = new Hints(memory.words, this.sizes + blocks + GAP, blocks);
  }

  /** Takes back what an owner holds, and sets the hints of all that is free. Repeatable, beside others at work. */
  reclaim(owner: number): number {
    let taken = 0;
    for (let block = 0; block < this.blocks; block += 1) {
      const at = this.states + block;
      const state = this.words[at] ?? 0;
      if ((state & OWNER_MASK) === owner) {
        if (Atomics.compareExchange(this.words, at, state, freed(state)) !== state) continue;
        taken += 1;
        this.hints.repair(block);
      } else if ((state & OWNER_MASK) === 0) {
        this.hints.repair(block);
      }
    }
    return taken;
  }

  /** Blocks that an owner holds. */
  heldBy(owner: number): number {
    let held = 0;
    for (let block = 0; block < this.blocks; block += 1) {
      if (((this.words[this.states + block] ?? 0) & OWNER_MASK) === owner) held += 1;
    }
    return held;
  }

  /** Frees every block, whoever holds it. */
  clear(): void {
    for (let block = 0; block < this.blocks; block += 1) {
      const at = this.states + block;
      for (;;) {
        const state = Atomics.load(this.words, at);
        if ((state & OWNER_MASK) === 0) break;
        if (Atomics.compareExchange(this.words, at, state, freed(state)) === state) break;
      }
      this.hints.repair(block);
    }
  }

  /** Sets hints for what is free in anybody's stock; -1 without any, or a word of hints where to look. */
  unstock(): number {
    let found = -1;
    for (let owner = 1; owner <= this.table.owners; owner += 1) {
      if (this.table.isVacant(owner)) continue;
      const from = this.stocks + (owner - 1) * STOCK;
      for (let at = from; at < from + STOCK; at += 1) {
        const block = this.words[at] ?? 0;
        if (block < 0 || block >= this.blocks) continue;
        if ((Atomics.load(this.words, this.states + block) & OWNER_MASK) !== 0) continue;
        this.hints.repair(block);
        found = block >>> 5;
      }
    }
    return found;
  }

  /** Sets hints that were lost; true when there is a free block. */
  repair(): boolean {
    let found = false;
    for (let block = 0; block < this.blocks; block += 1) {
      if (((this.words[this.states + block] ?? 0) & OWNER_MASK) !== 0) continue;
      this.hints.repair(block);
      found = true;
    }
    return found;
  }
}
