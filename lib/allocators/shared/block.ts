import { type ByteSize, checkInteger, checkOptions, memoryError, parseBytes } from '../../core';
import { type MemorySource, type Recipe, windowOf } from '../base';
import { SharedAllocatorBase } from './base';
import { BlockStates, blockWords, freed, GENERATIONS, MOST_STOCK, OWNER_MASK, STOCK } from './block-states';
import { HEADER } from './layout';
import {
  attachMemory,
  createMemory,
  nameOf,
  type SharedAllocatorHandle,
  type SharedAllocatorOptions,
  type SharedMemory,
} from './memory';
import { COUNTERS, PHASES } from './owner-table';
import { checkLease, leaseHasServed, nobodyThere, otherSize, type SharedBlockLease, SharedPoolBox } from './pool-box';

/** Options of a {@link SharedBlockAllocator} in given memory: as many blocks as it holds. */
export interface SharedBlockOptions extends SharedAllocatorOptions {
  /** Size of every block: a multiple of the largest alignment that is to be granted. */
  readonly blockBytes: ByteSize;
  /**
   * Blocks that an attachment keeps for itself first when it frees them, while nobody else lacks some: 0 to 4096.
   * Default 32.
   */
  readonly stockBlocks?: number;
}

/** Blocks by number instead of by the size of the memory. */
export interface SharedBlockCount extends SharedBlockOptions {
  /** How many blocks there are: 1 to 2^26. */
  readonly blocks: number;
}

/** Where the blocks of a {@link SharedBlockAllocator} came from. */
export interface SharedBlockSharing {
  /** Attachments that are there, those that died and were not missed yet among them. */
  readonly attachments: number;
  /** Blocks that came from the common store; all others from somebody's own stock. */
  readonly common: number;
  /** Blocks that went from one stock to another one. */
  readonly stolen: number;
  /** How often this attachment took some of another one's stock. */
  readonly steals: number;
}

const KEYS = ['name', 'owners', 'pages', 'blockBytes', 'stockBlocks'] as const;
const MOST_BLOCKS = 2 ** 26;
const MOST_BLOCK_BYTES = 2 ** 30;
const GOLDEN = 0.618033988749895;

/**
 * Blocks of one size for many threads and processes at once. Each block has one owner, an attachment; only the owner
 * frees it, and `transfer` or `adopt` make another one the owner. What an attachment holds when it is disposed, or when
 * its worker or process ends, comes back by itself.
 *
 * A block is claimed and freed by one compare-and-exchange of its own word, so whoever ends in any instruction leaves at
 * most a hint behind that is not there, which the next refusal repairs.
 */
export class SharedBlockAllocator extends SharedAllocatorBase {
  /** Size of every block in bytes. */
  readonly blockBytes: number;
  /** How many blocks there are. */
  readonly blocks: number;
  private readonly table32: BlockStates;
  private readonly states: number;
  private readonly sizes: number;
  private readonly hints: number;
  /** Largest alignment that every block has. */
  private readonly natural: number;
  /** Where to look first: a word of hints. */
  private at: number;
  /** Where this attachment's stock begins, and how many blocks it holds. */
  private stock: number;
  private readonly stockSize: number;
  private stocked = 0;
  private steals = 0;
  private live = 0;
  private peak: number;
  private generation = 0;
  private due = 0;

  private constructor(where: string, name: string, memory: SharedMemory) {
    super(name, memory);
    const [blockBytes = 0, blocks = 0, stockSize = 0] = memory.layout.parameters;
    this.blockBytes = blockBytes;
    this.blocks = blocks;
    this.stockSize = stockSize;
    this.table32 = new BlockStates(memory, blocks, stockSize);
    this.states = this.table32.states;
    this.sizes = this.table32.sizes;
    this.hints = this.table32.hints.base;
    this.natural = Math.min(4096, blockBytes & -blockBytes);
    this.at = 0;
    this.peak = 0;
    this.stock = 0;
    this.enter(where);
    this.stock = this.table32.stocks + (this.owner - 1) * stockSize;
    this.words.fill(-1, this.stock, this.stock + stockSize); // of who had the place before
    // Far from each other, so that two workers touch different cache lines.
    this.at = Math.floor(this.table32.hints.firstLevelWords * ((this.owner * GOLDEN) % 1));
    this.peak = this.doubles[this.counters + COUNTERS.peak] ?? 0;
    this.generation = Atomics.load(this.words, HEADER.generation);
  }

  /**
   * Makes one, attached to it: `create({ blockBytes, blocks })`, or `create(source, { blockBytes })` for as many blocks
   * as the memory holds.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, what mapping throws, ERR_MEMORY_INVALID_STATE for
   *   memory with carrier `local`
   */
  static create(source: MemorySource, options: SharedBlockOptions): SharedBlockAllocator;
  /** As many blocks as said, in memory of its own (Region.shared). */
  static create(options: SharedBlockCount): SharedBlockAllocator;
  static create(first: MemorySource | SharedBlockCount, second?: SharedBlockOptions): SharedBlockAllocator {
    const where = 'SharedBlockAllocator.create';
    const counted = second === undefined && typeof first === 'object' && first !== null && 'blockBytes' in first;
    const given = counted
      ? checkOptions<SharedBlockCount>(where, first, [...KEYS, 'blocks'])
      : checkOptions<SharedBlockOptions>(where, second, KEYS);
    const name = nameOf(where, given.name, 'shared block');
    const limits = { minBytes: 1, maxBytes: MOST_BLOCK_BYTES };
    const blockBytes = parseBytes(given.blockBytes, `${where}: blockBytes`, limits);
    const source = counted
      ? blockBytes * checkInteger(`${where}: blocks`, (given as SharedBlockCount).blocks, 1, MOST_BLOCKS)
      : (first as MemorySource);
    const stock = checkInteger(`${where}: stockBlocks`, given.stockBlocks ?? STOCK, 0, MOST_STOCK);
    const memory = createMemory(where, 'block', source, given, (dataBytes, owners) => {
      const held = Math.floor(dataBytes / blockBytes);
      const blocks = counted ? (given as SharedBlockCount).blocks : held;
      checkInteger(`${where}: blocks that the memory holds`, blocks, 1, MOST_BLOCKS);
      return { ownWords: blockWords(blocks, owners, stock), parameters: [blockBytes, blocks, stock] };
    });
    new BlockStates(memory, memory.layout.parameters[1] ?? 0, stock).hints.fill();
    memory.publish();
    return new SharedBlockAllocator(where, name, memory);
  }

  /** Attaches from another thread or process. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_STALE_HANDLE, ERR_MEMORY_CORRUPTION, ERR_MEMORY_UNSUPPORTED */
  static attach(handle: SharedAllocatorHandle): SharedBlockAllocator {
    const where = 'SharedBlockAllocator.attach';
    const { memory, name } = attachMemory(where, 'block', handle, ({ parameters, ownWords, dataBytes, owners }) => {
      const [blockBytes = 0, blocks = 0, stock = 0] = parameters;
      const whole = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
      if (!whole(blockBytes, MOST_BLOCK_BYTES) || !whole(blocks, MOST_BLOCKS) || !whole(stock + 1, MOST_STOCK + 1)) {
        return false;
      }
      return blocks * blockBytes <= dataBytes && blockWords(blocks, owners, stock) <= ownWords;
    });
    return new SharedBlockAllocator(where, name, memory);
  }

  /** Bytes of all blocks. */
  override get capacityBytes(): number {
    return this.blocks * this.blockBytes;
  }

  /** Bytes of the blocks that all attachments hold; exact while nobody is inside a call. */
  get usedBytes(): number {
    return this.closed ? 0 : Math.min(this.liveAllocations, this.blocks) * this.blockBytes;
  }

  /** @internal */
  override recipe(): Recipe {
    return { ...super.recipe(), blockBytes: this.blockBytes, blocks: this.blocks };
  }

  /** Exact with one attachment; with several about the sum of their own peaks, and never less than what is in use. */
  protected get peakUsedBytes(): number {
    const peaks = Math.min(this.blocks, this.table.sum(this.doubles, COUNTERS.peak)) * this.blockBytes;
    return Math.max(peaks, this.usedBytes); // who frees what was transferred to it counts one block too few
  }

  /**
   * The offset of a block, which this attachment owns. Before it refuses it looks for attachments that have ended.
   *
   * @param byteLength 1 to `blockBytes`; a smaller block takes a whole one all the same
   * @param alignment a power of two to the blocks' own alignment
   * @throws ERR_MEMORY_POOL_EXHAUSTED, ERR_MEMORY_TOO_LARGE, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_INVALID_ALIGNMENT, ERR_MEMORY_CLOSED
   */
  allocate(byteLength: number, alignment: number = 1): number {
    let offset = this.claim(byteLength, alignment);
    if (offset === -1 && this.mayFit(byteLength, alignment) && this.lookForRoom(true)) {
      offset = this.claim(byteLength, alignment);
    }
    if (offset !== -1) return offset;
    this.count(COUNTERS.failures, 1);
    if (alignment > this.natural) throw this.misaligned(byteLength, alignment);
    throw this.noRoom(byteLength, this.blockBytes, 'ERR_MEMORY_POOL_EXHAUSTED');
  }

  /** As `allocate`, but -1 where there is no block; it looks for attachments that have ended at every 64th refusal. */
  tryAllocate(byteLength: number, alignment: number = 1): number {
    let offset = this.claim(byteLength, alignment);
    if (offset !== -1) return offset;
    if (this.mayFit(byteLength, alignment) && this.lookForRoom(false)) offset = this.claim(byteLength, alignment);
    if (offset === -1) this.count(COUNTERS.failures, 1);
    return offset;
  }

  private claim(byteLength: number, alignment: number): number {
    if (!this.isPlainRequest(byteLength, alignment) || byteLength > this.blockBytes || alignment > this.natural) {
      this.checkRequest('allocate', byteLength, alignment);
      return -1;
    }
    const { words, owner } = this;
    for (;;) {
      let block: number;
      if (this.stocked > 0) {
        this.stocked -= 1;
        block = words[this.stock + this.stocked] ?? 0;
      } else {
        const word = this.at;
        const bits = words[this.hints + word] ?? 0;
        if (bits === 0) {
          if (this.moveOn()) continue;
          return -1;
        }
        block = (word << 5) + 31 - Math.clz32(bits & -bits);
        if (!this.table32.hints.take(block)) continue;
        this.count(COUNTERS.extra, 1);
      }
      const at = this.states + block;
      const state = words[at] ?? -1;
      // A block that is taken: the hint was left behind by somebody, or is of none at all. It is gone now.
      if ((state & OWNER_MASK) !== 0 || block >= this.blocks || block < 0) continue;
      if (Atomics.compareExchange(words, at, state, state | owner) !== state) continue;
      words[this.sizes + block] = byteLength;
      const doubles = this.doubles;
      const counter = this.counters;
      doubles[counter] = (doubles[counter] ?? 0) + 1;
      this.live += 1;
      if (this.live > this.peak) this.notePeak();
      return block * this.blockBytes;
    }
  }

  /** @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE for another attachment's block, ERR_MEMORY_INVALID_ARGUMENT for another size */
  deallocate(offset: number, byteLength: number): void {
    const block = typeof offset === 'number' ? offset / this.blockBytes : -1;
    if ((block | 0) !== block || block < 0 || block >= this.blocks || this.closed) {
      this.checkSpan('deallocate', offset, byteLength);
      throw this.foreign('deallocate', offset, 'is not the start of a block');
    }
    const { words } = this;
    const at = this.states + block;
    const state = words[at] ?? 0;
    if ((state & OWNER_MASK) !== this.owner || words[this.sizes + block] !== byteLength) {
      throw this.freeError(offset, byteLength, block, state);
    }
    const next = freed(state);
    // Once in two million frees the upper half of the generation changes too.
    const done =
      (next ^ state) < 0 ? this.table32.free(block, state) : Atomics.compareExchange(words, at, state, next) === state;
    if (!done) throw this.doubleFree('deallocate', offset);
    if (this.stocked < this.stockSize) {
      words[this.stock + this.stocked] = block;
      this.stocked += 1;
    } else {
      this.table32.hints.set(block);
      this.at = block >>> 5;
    }
    this.live -= 1;
    const doubles = this.doubles;
    const counter = this.counters + COUNTERS.deallocations;
    doubles[counter] = (doubles[counter] ?? 0) + 1;
  }

  /** A window of a block that somebody holds. */
  view(offset: number, byteLength: number): Uint8Array {
    if (!this.isPlainSpan(offset, byteLength)) this.checkSpan('view', offset, byteLength);
    const block = Math.floor(offset / this.blockBytes);
    const end = (block + 1) * this.blockBytes;
    if (block >= this.blocks || offset + byteLength > end || !this.isTaken(block)) {
      throw this.outside('view', offset, byteLength);
    }
    return windowOf(this.where('view'), this.memory.data, offset, byteLength);
  }

  /** True inside a block that any attachment holds. */
  owns(offset: number): boolean {
    if (this.closed || !Number.isInteger(offset) || offset < 0) return false;
    const block = Math.floor(offset / this.blockBytes);
    return block < this.blocks && this.isTaken(block);
  }

  /** The attachment that holds the block at this offset; 0 when nobody does. */
  ownerOf(offset: number): number {
    if (!this.owns(offset)) return 0;
    return Atomics.load(this.words, this.states + Math.floor(offset / this.blockBytes)) & OWNER_MASK;
  }

  // ---- leases --------------------------------------------------------------------------------------------------------

  /** A block as an object that gives itself back (`using`), and that notices when it is not its own any more. */
  acquire(byteLength: number = this.blockBytes): SharedPoolBox {
    const offset = this.allocate(byteLength);
    return new SharedPoolBox(this, this.lease(offset));
  }

  /**
   * Names a block of this attachment together with its generation: plain data, to send to who shall adopt it.
   *
   * @throws ERR_MEMORY_FOREIGN_FREE for what this attachment does not hold
   */
  lease(offset: number): SharedBlockLease {
    for (;;) {
      const block = this.heldBlock('lease', offset);
      const generation = this.table32.generation(block, Atomics.load(this.words, this.states + block));
      if (generation === -1) continue; // somebody adopted it meanwhile
      const byteLength = this.words[this.sizes + block] ?? 0;
      return Object.freeze({ type: 'nebula-memory.shared-lease', offset, byteLength, generation });
    }
  }

  /** True while the block of the lease has neither been freed nor adopted since, whoever holds it now. */
  isCurrent(lease: SharedBlockLease): boolean {
    const { offset, generation } = checkLease(this.where('isCurrent'), lease);
    const block = offset / this.blockBytes;
    while (Number.isInteger(block) && this.owns(offset)) {
      const now = this.table32.generation(block, Atomics.load(this.words, this.states + block));
      if (now !== -1) return now === generation;
    }
    return false;
  }

  /**
   * Makes this attachment the owner of a leased block; the lease has served then, for good. One of several adopters wins;
   * the others are refused, and the former owner is told at its next call.
   *
   * @throws ERR_MEMORY_STALE_HANDLE when the block was adopted or transferred since, or freed by its owner, by recovery or
   *   by a reset; ERR_MEMORY_INVALID_ARGUMENT for another size than the block was handed out with: its owner keeps it then
   */
  adopt(lease: SharedBlockLease): SharedPoolBox {
    if (this.closed) throw this.closedError('adopt');
    const checked = checkLease(this.where('adopt'), lease);
    const block = checked.offset / this.blockBytes;
    const at = this.states + block;
    for (;;) {
      const known = Number.isInteger(block) && block < this.blocks;
      const state = known ? Atomics.load(this.words, at) : 0;
      const generation = known ? this.table32.generation(block, state) : 0;
      if (generation === -1) continue;
      if ((state & OWNER_MASK) === 0 || generation !== checked.generation)
        throw leaseHasServed(this.where('adopt'), this.name, checked.offset);
      const size = this.words[this.sizes + block];
      if (size !== checked.byteLength) throw otherSize(this.where('adopt'), this.name, checked, size);
      const mine = (state & ~OWNER_MASK) | this.owner;
      if (Atomics.compareExchange(this.words, at, state, mine) !== state) continue;
      // The word can have come round between the look and the exchange: then it goes back to whose it is.
      const now = this.table32.generation(block, mine);
      if (now !== -1 && now !== generation && Atomics.compareExchange(this.words, at, mine, state) === mine) continue;
      if (state !== mine) {
        this.live += 1;
        const former = state & OWNER_MASK;
        if (former <= this.table.owners) Atomics.add(this.words, this.table.notesOf(former), 1);
        if (this.live > this.peak) this.notePeak();
      }
      // Nobody else takes it by this lease from now on; who was faster has it, and counted it away from this one.
      if (!this.table32.renew(block, mine)) throw leaseHasServed(this.where('adopt'), this.name, checked.offset);
      return new SharedPoolBox(this, Object.freeze({ ...checked, generation: (generation + 1) % GENERATIONS }));
    }
  }

  /**
   * Makes another attachment the owner of a block of this one: from then on it frees it, and it is taken back when that
   * one ends. Leases of before have served then. To the owner itself nothing happens.
   *
   * @param owner the other attachment's `owner`
   * @throws ERR_MEMORY_FOREIGN_FREE for what this attachment does not hold, ERR_MEMORY_STALE_HANDLE when there is no such
   *   attachment: this one keeps the block then, and its leases, unless the other one ended at this very moment
   */
  transfer(offset: number, owner: number): void {
    const block = this.heldBlock('transfer', offset);
    checkInteger(`${this.where('transfer')}: owner`, owner, 1, this.table.owners);
    if (owner === this.owner) return;
    const state = Atomics.load(this.words, this.states + block);
    const isThere = (): boolean => this.table.phaseOf(owner) === PHASES.live;
    // One exchange for the owner and the generation: whoever has a lease of before cannot take it from the new owner.
    const given = isThere() && (state & OWNER_MASK) === this.owner && this.table32.give(block, state, owner);
    if (given) this.live -= 1;
    // It may have ended in between, after its blocks were looked through. Who cleans up later finds this one too.
    if (given && isThere()) return;
    if (given && this.table32.give(block, freed(state) | owner, this.owner)) this.live += 1;
    throw nobodyThere(this.where('transfer'), this.name, owner);
  }

  /** Makes leases stale that were made of a block before, which this attachment holds. @throws ERR_MEMORY_FOREIGN_FREE */
  renew(offset: number): void {
    const block = this.heldBlock('renew', offset);
    const state = Atomics.load(this.words, this.states + block);
    if ((state & OWNER_MASK) === this.owner && this.table32.renew(block, state)) return;
    throw this.foreign('renew', offset, 'was adopted by another attachment');
  }

  /** Where blocks came from. All attachments together, but for `steals`. */
  get sharing(): SharedBlockSharing {
    const total = (counter: number): number => (this.closed ? 0 : Math.max(0, this.table.sum(this.doubles, counter)));
    let attachments = 0;
    for (let owner = 1; !this.closed && owner <= this.table.owners; owner += 1) {
      if (!this.table.isVacant(owner)) attachments += 1;
    }
    return {
      attachments,
      common: total(COUNTERS.extra),
      stolen: total(COUNTERS.extra2),
      steals: this.steals,
    };
  }

  // ---- ends ----------------------------------------------------------------------------------------------------------

  protected reclaim(owner: number): number {
    return this.table32.reclaim(owner);
  }

  protected clear(): void {
    this.stocked = 0;
    this.table32.clear();
    this.live = 0;
    Atomics.store(this.words, this.table.notesOf(this.owner), 0);
    this.generation = this.words[HEADER.generation] ?? 0;
  }

  private isTaken(block: number): boolean {
    return ((this.words[this.states + block] ?? 0) & OWNER_MASK) !== 0;
  }

  private mayFit(byteLength: number, alignment: number): boolean {
    return byteLength <= this.blockBytes && alignment <= this.natural;
  }

  /** Goes to a word of hints that is not zero. False when there is none. */
  private moveOn(): boolean {
    let found = this.table32.hints.findWord(this.at);
    if (found === -1) found = this.table32.hints.findSlowly(this.at);
    if (found !== -1) {
      this.at = found;
      return true;
    }
    this.stocked = this.table32.steal(this.owner);
    if (this.stocked > 0) {
      this.steals += 1;
      this.count(COUNTERS.extra2, this.stocked);
      return true;
    }
    // A hint can be lost with who held it. Looking at every block is for the first refusal and every 64th.
    const look = this.due === 0;
    this.due = (this.due + 1) % 64;
    return look && this.table32.repair();
  }

  private notePeak(): void {
    // The first note counts blocks of this one that others have adopted since.
    const gone = Atomics.exchange(this.words, this.table.notesOf(this.owner), 0);
    this.live = Math.min(this.blocks, this.live - gone);
    const now = this.words[HEADER.generation] ?? 0;
    if (now !== this.generation) {
      // Somebody reset it since: what was held before does not count, and what it was nobody has told us.
      this.generation = now;
      this.live = this.table32.heldBy(this.owner);
    }
    if (this.live <= this.peak) return;
    this.peak = this.live;
    this.doubles[this.counters + COUNTERS.peak] = this.live;
  }

  private heldBlock(method: string, offset: number): number {
    this.checkSpan(method, offset, 1);
    const block = offset / this.blockBytes;
    if (this.ownerOf(offset) === this.owner && Number.isInteger(block)) return block;
    throw this.foreign(method, offset, 'is not the start of a block that this attachment holds');
  }

  private misaligned(byteLength: number, alignment: number): Error {
    return memoryError(
      'ERR_MEMORY_TOO_LARGE',
      `${this.name}: blocks of ${this.blockBytes} bytes are aligned to ${this.natural} bytes and not to ${alignment}`,
      { requestedBytes: byteLength, source: this.name, hint: `Make blockBytes a multiple of ${alignment}.` },
    );
  }

  private freeError(offset: number, byteLength: number, block: number, state: number): Error {
    try {
      this.checkSpan('deallocate', offset, byteLength);
    } catch (error) {
      return error as Error;
    }
    const owner = state & OWNER_MASK;
    if (owner === 0) return this.doubleFree('deallocate', offset);
    if (owner !== this.owner) {
      return this.foreign('deallocate', offset, `belongs to attachment ${owner}, and this one is ${this.owner}`);
    }
    return this.wrongSize('deallocate', offset, byteLength, `${this.words[this.sizes + block]}`);
  }
}
