import { CELL, type ChannelLayout, cellsAt, HEAD, strideOf } from './layout';

// A ring of cells for many senders and receivers. The truth is one word in each cell:
//
//   bits 0-9    the attachment that works on it, or that sent what is in it
//   bits 10-12  the phase: free → writing → full → reading → free of the next lap
//   the rest    the lap: how often the ring has gone round when the cell is used, as many bits as the position leaves
//
// Every step is one compare-and-exchange of that word, which in the same instruction says who does it. So whoever ends
// anywhere leaves a cell that names him, and others finish it for him. The positions of both ends only say where to look;
// whoever meets a cell that is past its phase moves them on, for whoever should have done it.

const OWNER_MASK = 0x3ff;
const WRITING = 1 << 10;
const FULL = 2 << 10;
const READING = 3 << 10;
const PHASE_MASK = 7 << 10;
const LEAST_LAP_SHIFT = 13;

/** What claim() and take() return beside the number of a cell. */
export const NONE = -1;
/** The bookkeeping leads nowhere: thousands of steps that nobody alive can have left to do. */
export const LOST = -2;

export class Ring {
  readonly words: Int32Array;
  readonly capacity: number;
  /** Set by claim() and take(): the word that this attachment has put into the cell. */
  word = 0;
  /** Set by take(): who sent it. */
  sender = 0;
  /** Set by blockedBy(): the cell that it saw. */
  private seenAt = 0;
  private seenWord = 0;
  private readonly mask: number;
  private readonly shift: number;
  private readonly lapShift: number;
  private readonly lapMask: number;
  private readonly base: number;
  private readonly stride: number;
  private readonly patience: number;

  constructor(words: Int32Array, { owners, capacity, messageBytes }: ChannelLayout) {
    this.words = words;
    this.capacity = capacity;
    this.mask = capacity - 1;
    this.shift = 31 - Math.clz32(capacity);
    this.lapShift = Math.max(LEAST_LAP_SHIFT, this.shift);
    this.lapMask = -1 << this.lapShift;
    this.base = cellsAt(owners);
    this.stride = strideOf(messageBytes) / 4;
    this.patience = 8 * capacity + 4096;
  }

  /** First word of a cell. */
  cellOf(index: number): number {
    return this.base + index * this.stride;
  }

  /** Where the bytes of a cell begin, from the start of the region. */
  bytesOf(index: number): number {
    return (this.base + index * this.stride + CELL.words) * 4;
  }

  /** Messages that are there or under way; between two moments, a rough number. */
  get length(): number {
    const length = (Atomics.load(this.words, HEAD.tail) - Atomics.load(this.words, HEAD.head)) | 0;
    return Math.max(0, Math.min(this.capacity, length));
  }

  /** Takes the next cell for writing; NONE when the ring is full. */
  claim(owner: number): number {
    const { words, mask, shift, lapShift, lapMask } = this;
    for (let step = 0; step < this.patience; step += 1) {
      const position = Atomics.load(words, HEAD.tail);
      const index = position & mask;
      const at = this.base + index * this.stride;
      const word = Atomics.load(words, at);
      const lap = (position >>> shift) << lapShift;
      if (word === lap) {
        const mine = lap | WRITING | owner;
        if (Atomics.compareExchange(words, at, word, mine) !== word) continue;
        Atomics.compareExchange(words, HEAD.tail, position, (position + 1) | 0);
        const passed = (Atomics.load(words, HEAD.tail) - position) | 0;
        if (passed >= 1 && passed <= this.capacity) {
          this.word = mine;
          return index;
        }
        // The laps came round between the look and the claim: it would stand out of order.
        this.skip(at, mine);
        this.moveHead();
        continue;
      }
      if ((((word & lapMask) - lap) | 0) < 0) return NONE;
      Atomics.compareExchange(words, HEAD.tail, position, (position + 1) | 0);
    }
    return LOST;
  }

  /** Makes a claimed cell a message. False when it is not this attachment's any more. */
  publish(index: number, word: number): boolean {
    const full = (word & ~PHASE_MASK) | FULL;
    return Atomics.compareExchange(this.words, this.base + index * this.stride, word, full) === word;
  }

  /** Takes the next message; NONE when there is none. */
  take(owner: number): number {
    const { words, mask, shift, lapShift, lapMask } = this;
    for (let step = 0; step < this.patience; step += 1) {
      const position = Atomics.load(words, HEAD.head);
      const index = position & mask;
      const at = this.base + index * this.stride;
      const word = Atomics.load(words, at);
      const lap = (position >>> shift) << lapShift;
      const ahead = ((word & lapMask) - lap) | 0;
      if (ahead < 0) return NONE;
      if (ahead === 0) {
        const phase = word & PHASE_MASK;
        if (phase === FULL) {
          const mine = lap | READING | owner;
          if (Atomics.compareExchange(words, at, word, mine) !== word) continue;
          Atomics.compareExchange(words, HEAD.head, position, (position + 1) | 0);
          this.word = mine;
          this.sender = word & OWNER_MASK;
          return index;
        }
        if (phase !== READING) return NONE;
      }
      Atomics.compareExchange(words, HEAD.head, position, (position + 1) | 0);
    }
    return LOST;
  }

  /** Gives a cell that was taken to the next lap. False when it is not this attachment's any more. */
  release(index: number, word: number): boolean {
    return this.skip(this.base + index * this.stride, word);
  }

  /** Gives a cell up that was claimed: there will be no message of it. False as release(). */
  cancel(index: number, word: number): boolean {
    const whole = this.skip(this.base + index * this.stride, word);
    this.moveHead();
    return whole;
  }

  /** Past cells that hold no message any more: so the ends stay within a round of each other when nobody receives. */
  private moveHead(): void {
    const { words } = this;
    for (let step = 0; step < this.patience; step += 1) {
      const position = Atomics.load(words, HEAD.head);
      const word = Atomics.load(words, this.cellOf(position & this.mask));
      const ahead = ((word & this.lapMask) - ((position >>> this.shift) << this.lapShift)) | 0;
      if (ahead <= 0) return;
      Atomics.compareExchange(words, HEAD.head, position, (position + 1) | 0);
    }
  }

  private skip(at: number, word: number): boolean {
    const next = ((word & this.lapMask) + (1 << this.lapShift)) | 0;
    return Atomics.compareExchange(this.words, at, word, next) === word;
  }

  /**
   * Lets go of what an attachment was writing or reading, who is dead or leaves. Repeatable, beside others at work.
   *
   * @param taken is told of each message that was being read, before its cell is free
   * @returns how many cells
   */
  reclaim(owner: number, taken: (index: number) => void): number {
    let count = 0;
    for (let index = 0; index < this.capacity; index += 1) {
      const at = this.cellOf(index);
      const word = Atomics.load(this.words, at);
      const phase = word & PHASE_MASK;
      if ((word & OWNER_MASK) !== owner || (phase !== WRITING && phase !== READING)) continue;
      if (phase === READING) taken(index);
      if (this.skip(at, word)) count += 1;
    }
    if (count > 0) this.moveHead();
    return count;
  }

  /**
   * Looks why there is nothing to take, or no room, when that goes on.
   *
   * @returns the attachment that the next cell waits for, 0 for nobody, or LOST for a word that cannot be
   */
  blockedBy(side: 'head' | 'tail'): number {
    const { words } = this;
    const position = Atomics.load(words, HEAD[side]);
    const at = this.cellOf(position & this.mask);
    const word = Atomics.load(words, at);
    const length = (Atomics.load(words, HEAD.tail) - Atomics.load(words, HEAD.head)) | 0;
    if (Atomics.load(words, HEAD[side]) !== position) return 0; // it moves
    const phase = word & PHASE_MASK;
    const owner = word & OWNER_MASK;
    const laps = ((word & this.lapMask) - ((position >>> this.shift) << this.lapShift)) >> this.lapShift;
    const odd = phase > READING || (phase !== 0) !== (owner !== 0) || laps < -1;
    // A free cell is free for this lap or a later one. Where the next message stands, no more can follow than fit.
    const never = laps === -1 && phase === 0;
    const hole = side === 'head' && laps === 0 && length > (phase === 0 ? 0 : this.capacity);
    if (odd || never || hole || length < -1) {
      const settled = Atomics.load(words, at) === word && Atomics.load(words, HEAD[side]) === position;
      return settled ? LOST : 0;
    }
    this.seenAt = at;
    this.seenWord = word;
    return phase === WRITING || phase === READING ? owner : 0;
  }

  /** Lets go of the cell that blockedBy() saw, if it is as it was. */
  unblock(): boolean {
    const done = this.skip(this.seenAt, this.seenWord);
    this.moveHead();
    return done;
  }
}
