import { Hints } from './hints';
import type { SharedMemory } from './memory';
import type { OwnerTable } from './owner-table';

// One word for each block is the truth: bits 0-9 the owner (0 = free), bits 10-31 a generation that every free, adoption and
// transfer advances.
// One compare-and-exchange on it decides every step, so nobody can end in the middle of one.
//
// 22 bits come round within a second, and a lease may be kept for longer. So a second word, the epoch, counts how often
// the generation's upper bit has changed; its lowest bit says what that bit is. Who changes the bit advances the epoch
// next, and who ends in between leaves a difference that tells everybody the right number: it is put right by the next
// one who asks, and before the bit changes again. Epoch and lower bits together are a generation of 53 bits.

const OWNER_BITS = 10;
export const OWNER_MASK = (1 << OWNER_BITS) - 1;
const LOWER_GENERATIONS = 2 ** (31 - OWNER_BITS);
/** After so many it begins anew. */
export const GENERATIONS = 2 ** 53;

/** Words in front of the states, so that what changes all the time has cache lines of its own. */
const GAP = 32;

/**
 * Blocks that an attachment freed last and takes again first, in words of its own: free for everybody by their state, but
 * without a hint, which costs two atomic operations a pair. Who finds no hint takes over half of somebody's stock.
 */
export const STOCK = 32;
export const MOST_STOCK = 4096;

/** Words of the own area for so many blocks: stocks, states, sizes as asked for, hints, epochs. */
export function blockWords(blocks: number, owners: number, stock: number): number {
  return GAP + owners * stock + 2 * blocks + GAP + Hints.wordsFor(blocks) + GAP + blocks;
}

/** The word of a block after it was freed. */
export function freed(state: number): number {
  return ((state >>> OWNER_BITS) + 1) << OWNER_BITS;
}

/** States, sizes and hints of the blocks in shared bookkeeping. */
export class BlockStates {
  readonly blocks: number;
  readonly words: Int32Array;
  /** First word of the stocks, and how many blocks fit into one. */
  readonly stocks: number;
  readonly stock: number;
  private readonly table: OwnerTable;
  /** First word of the states, and of the sizes. */
  readonly states: number;
  readonly sizes: number;
  readonly hints: Hints;
  /** First word of the epochs: touched by leases, and once in two million frees of a block. */
  private readonly epochs: number;

  constructor(memory: SharedMemory, blocks: number, stock: number) {
    this.blocks = blocks;
    this.stock = stock;
    this.words = memory.words;
    this.table = memory.table;
    this.stocks = memory.own + GAP;
    this.states = this.stocks + memory.layout.owners * stock;
    this.sizes = this.states + blocks;
    this.hints = new Hints(memory.words, this.sizes + blocks + GAP, blocks);
    this.epochs = this.sizes + blocks + GAP + Hints.wordsFor(blocks) + GAP;
  }

  /** Frees a block whose word was `state`; false when it is another one by now. */
  free(block: number, state: number): boolean {
    return this.advance(block, state, freed(state));
  }

  /** Goes on to the next generation with the same owner; false when the word is another one by now. */
  renew(block: number, state: number): boolean {
    return this.give(block, state, state & OWNER_MASK);
  }

  /** Goes on to the next generation with another owner; false when the word is another one by now. */
  give(block: number, state: number, owner: number): boolean {
    return this.advance(block, state, freed(state) | owner);
  }

  private advance(block: number, state: number, next: number): boolean {
    const crosses = (next ^ state) < 0;
    const epoch = crosses ? this.epochOf(block, state) : 0;
    if (epoch === undefined || Atomics.compareExchange(this.words, this.states + block, state, next) !== state) {
      return false;
    }
    if (crosses) Atomics.compareExchange(this.words, this.epochs + block, epoch, (epoch + 1) | 0);
    return true;
  }

  /** The whole generation of a block whose word was `state`: 0 to 2^53 - 1, or -1 when the word is another one by now. */
  generation(block: number, state: number): number {
    const epoch = this.epochOf(block, state);
    return epoch === undefined ? -1 : (epoch >>> 0) * LOWER_GENERATIONS + ((state >>> OWNER_BITS) % LOWER_GENERATIONS);
  }

  // The epoch that belongs to a word. It is read before and after the word: the bit cannot have changed twice between two
  // equal readings, because nobody changes it before the epoch has followed.
  private epochOf(block: number, state: number): number | undefined {
    const { words } = this;
    const at = this.epochs + block;
    for (;;) {
      const epoch = Atomics.load(words, at);
      if (Atomics.load(words, this.states + block) !== state) return undefined;
      if (Atomics.load(words, at) !== epoch) continue;
      if ((epoch & 1) === state >>> 31) return epoch;
      Atomics.compareExchange(words, at, epoch, (epoch + 1) | 0);
    }
  }

  /** Takes back what an owner holds, and sets the hints of all that is free. Repeatable, beside others at work. */
  reclaim(owner: number): number {
    let taken = 0;
    for (let block = 0; block < this.blocks; block += 1) {
      const at = this.states + block;
      const state = this.words[at] ?? 0;
      if ((state & OWNER_MASK) === owner) {
        if (!this.free(block, state)) continue;
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
        if (this.free(block, state)) break;
      }
      this.hints.repair(block);
    }
  }

  /**
   * Copies half of what is free in the fullest stock of others into the stock of `owner`, what has lain longest there
   * first. Those are hints: their owner finds them taken later. @returns how many
   */
  steal(owner: number): number {
    let most = 0;
    let from = 0;
    for (let other = 1; other <= this.table.owners; other += 1) {
      if (other === owner || this.table.isVacant(other)) continue;
      const at = this.stocks + (other - 1) * this.stock;
      let free = 0;
      for (let step = 0; step < this.stock; step += 1) if (this.isFree(this.words[at + step] ?? -1)) free += 1;
      if (free <= most) continue;
      most = free;
      from = at;
    }
    const to = this.stocks + (owner - 1) * this.stock;
    let taken = 0;
    for (let step = 0; step < this.stock && 2 * taken < most; step += 1) {
      const block = this.words[from + step] ?? -1;
      if (!this.isFree(block)) continue;
      this.words[to + taken] = block;
      taken += 1;
    }
    return taken;
  }

  private isFree(block: number): boolean {
    if (block < 0 || block >= this.blocks) return false;
    return (Atomics.load(this.words, this.states + block) & OWNER_MASK) === 0;
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
