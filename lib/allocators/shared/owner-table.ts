import { type EnvironmentIdentity, environments } from '../../platform';
import { HEADER_WORDS, SLOT_WORDS } from './layout';

// A slot for each attachment. Its first 64 bits are one cell that is only ever changed by compare-and-exchange and names
// who claims the slot in the same instruction; so there is no moment in which a slot is taken by nobody knows whom.
//
//   cell    bits 0-1 phase, 2-31 serial of the environment, 32-63 pid
//   word 2  pid that the words 3 to 6 belong to, or 0 while they are not written
//   words 3-6  start of the process, namespace: two words each
//   words 8-15 for the allocator's own notes
//   words 16-31 eight counters as 64-bit floats, which outlive the owner: their sums are the allocator's

export const PHASES = Object.freeze({ free: 0, claiming: 1, live: 2, cleaning: 3 });

/** Counters of a slot, in units of eight bytes. */
export const COUNTERS = Object.freeze({
  allocations: 0,
  deallocations: 1,
  failures: 2,
  resets: 3,
  /** Bytes or units that this attachment added, less those it took away. */
  used: 4,
  peak: 5,
  /** Free for the kind's own use. */
  extra: 6,
  extra2: 7,
});
const COUNTER_COUNT = 8;
const COUNTERS_AT = 16;
const NOTES_AT = 8;

const BASE = 2 ** 32;
const SERIALS = 2 ** 30;

function cellOf(phase: number, { pid, serial }: Pick<EnvironmentIdentity, 'pid' | 'serial'>): bigint {
  return BigInt.asIntN(64, (BigInt(pid >>> 0) << 32n) | (BigInt(serial % SERIALS) << 2n) | BigInt(phase));
}

/**
 * Who is attached to a shared allocator. An owner is one attachment, numbered from 1; its number is not given to another
 * one before everything that it held has been taken back. No call here is for a hot path.
 */
export class OwnerTable {
  readonly owners: number;
  private readonly words: Int32Array;
  private readonly cells: BigInt64Array;
  /** What the places that this object is cleaning were before. */
  private readonly before = new Map<number, { readonly cell: bigint; readonly identity: Int32Array }>();

  constructor(words: Int32Array, owners: number) {
    this.words = words;
    this.owners = owners;
    this.cells = new BigInt64Array(words.buffer, words.byteOffset, words.length >> 1);
  }

  private wordOf(owner: number): number {
    return HEADER_WORDS + (owner - 1) * SLOT_WORDS;
  }

  /** Position of an owner's counters in a Float64Array over the bookkeeping. */
  countersOf(owner: number): number {
    return (this.wordOf(owner) + COUNTERS_AT) / 2;
  }

  /** Position of an owner's eight words of notes: what it is doing, for who cleans up after it. */
  notesOf(owner: number): number {
    return this.wordOf(owner) + NOTES_AT;
  }

  /** The sum of one counter over all owners that ever were. */
  sum(doubles: Float64Array, counter: number): number {
    let total = 0;
    const first = this.countersOf(1) + counter;
    const step = SLOT_WORDS / 2;
    for (let owner = 0; owner < this.owners; owner += 1) {
      const value = doubles[first + owner * step];
      if (Number.isSafeInteger(value)) total += value as number; // what was overwritten counts nothing
    }
    return total;
  }

  /** The largest value of one counter. */
  largest(doubles: Float64Array, counter: number): number {
    let most = 0;
    for (let owner = 1; owner <= this.owners; owner += 1) {
      const value = doubles[this.countersOf(owner) + counter] ?? 0;
      if (Number.isSafeInteger(value) && value > most) most = value;
    }
    return most;
  }

  /** Enters the calling thread; the owner's number, or 0 when every slot is taken. */
  claim(): number {
    const me = environments.current();
    const claiming = cellOf(PHASES.claiming, me);
    for (let owner = 1; owner <= this.owners; owner += 1) {
      const at = this.wordOf(owner);
      if (this.phaseOf(owner) !== PHASES.free) continue;
      if (Atomics.compareExchange(this.cells, at >> 1, 0n, claiming) !== 0n) continue;
      this.words.fill(0, at + NOTES_AT, at + COUNTERS_AT);
      this.writeIdentity(at, me);
      // Somebody who cannot judge us (another namespace) may have taken the slot back meanwhile.
      if (Atomics.compareExchange(this.cells, at >> 1, claiming, cellOf(PHASES.live, me)) === claiming) return owner;
    }
    return 0;
  }

  /** As `phaseOf(owner) === free`, a little late and cheaper. */
  isVacant(owner: number): boolean {
    return ((this.words[this.wordOf(owner)] ?? 0) & 3) === PHASES.free;
  }

  phaseOf(owner: number): number {
    return Atomics.load(this.words, this.wordOf(owner)) & 3;
  }

  /** Owners whose environment has ended. */
  dead(): number[] {
    const found: number[] = [];
    for (let owner = 1; owner <= this.owners; owner += 1) if (this.isDead(owner)) found.push(owner);
    return found;
  }

  /** True when that owner's environment has ended; also for a slot that somebody was cleaning who ended meanwhile. */
  isDead(owner: number): boolean {
    if (owner < 1 || owner > this.owners || this.phaseOf(owner) === PHASES.free) return false;
    return this.isCellDead(owner, Atomics.load(this.cells, this.wordOf(owner) >> 1));
  }

  /** True for a place of this thread's own, in whatever phase but free. */
  isOurs(owner: number): boolean {
    if (owner < 1 || owner > this.owners || this.phaseOf(owner) === PHASES.free) return false;
    const cell = BigInt.asUintN(64, Atomics.load(this.cells, this.wordOf(owner) >> 1));
    return cell >> 2n === BigInt.asUintN(64, cellOf(0, environments.current())) >> 2n;
  }

  /**
   * Cleans up after all that are dead. `clean` takes back what one held and says how much; it must be repeatable, because
   * who cleans may die too. Where it throws, the others are cleaned up after first, and that one is tried again by
   * whoever looks next.
   */
  recover(clean: (owner: number) => number): { readonly owners: number; readonly amount: number } {
    let owners = 0;
    let amount = 0;
    const failures: unknown[] = [];
    for (const owner of this.dead()) {
      try {
        const got = this.cleanUp(owner, false, clean);
        if (got === undefined) continue;
        owners += 1;
        amount += got;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { owners, amount };
  }

  /** Cleans up after one, as recover() does: this thread's own, which leaves, or a dead one. undefined when others do it. */
  cleanUp(owner: number, own: boolean, clean: (owner: number) => number): number | undefined {
    if (!this.beginCleaning(owner, own)) return undefined;
    let amount: number;
    try {
      amount = clean(owner);
    } catch (error) {
      this.abandon(owner);
      throw error;
    }
    this.release(owner);
    return amount;
  }

  /**
   * Takes a slot over for cleaning: of this thread's own attachment, or of one that is dead. True for exactly one caller,
   * who then takes back what the owner held and calls `release`, or `abandon` where that throws. Who dies in between is
   * followed by another one, so taking back must be repeatable.
   */
  private beginCleaning(owner: number, own: boolean): boolean {
    const at = this.wordOf(owner);
    const me = environments.current();
    const seen = Atomics.load(this.cells, at >> 1);
    if (own ? seen !== cellOf(PHASES.live, me) : this.phaseOf(owner) === PHASES.free || !this.isCellDead(owner, seen)) {
      return false;
    }
    const identity = this.words.slice(at + 2, at + 7);
    if (Atomics.compareExchange(this.cells, at >> 1, seen, cellOf(PHASES.cleaning, me)) !== seen) return false;
    this.writeIdentity(at, me);
    // One that leaves and cannot clean up is as dead: no environment has the serial 0.
    this.before.set(owner, { cell: own ? cellOf(PHASES.cleaning, { pid: me.pid, serial: 0 }) : seen, identity });
    return true;
  }

  /** Leaves a place that could not be cleaned to whoever looks for the dead next, this thread or another one. */
  private abandon(owner: number): void {
    const at = this.wordOf(owner);
    const cleaning = cellOf(PHASES.cleaning, environments.current());
    const before = this.before.get(owner);
    this.before.delete(owner);
    if (before === undefined || Atomics.load(this.cells, at >> 1) !== cleaning) return;
    const { words } = this;
    Atomics.store(words, at + 2, 0); // what follows belongs to nobody until it is complete
    for (let word = 6; word >= 2; word -= 1) Atomics.store(words, at + word, before.identity[word - 2] as number);
    Atomics.compareExchange(this.cells, at >> 1, cleaning, before.cell);
  }

  /** Ends cleaning: the number may be given to another owner. */
  private release(owner: number): void {
    const at = this.wordOf(owner);
    const cleaning = cellOf(PHASES.cleaning, environments.current());
    this.before.delete(owner);
    if (Atomics.load(this.cells, at >> 1) !== cleaning) return;
    Atomics.store(this.words, at + 2, 0);
    Atomics.compareExchange(this.cells, at >> 1, cleaning, 0n);
  }

  private isCellDead(owner: number, cell: bigint): boolean {
    const bits = BigInt.asUintN(64, cell);
    const pid = Number(bits >> 32n);
    const serial = Number((bits >> 2n) & BigInt(SERIALS - 1));
    const at = this.wordOf(owner);
    const known = Atomics.load(this.words, at + 2) >>> 0 === pid;
    const identity = {
      pid,
      serial,
      startTicks: known ? this.wide(at + 3) : 0,
      namespace: known ? this.wide(at + 5) : 0,
    };
    return !environments.isAlive(identity);
  }

  private wide(at: number): number {
    return (Atomics.load(this.words, at) >>> 0) + (Atomics.load(this.words, at + 1) >>> 0) * BASE;
  }

  private writeIdentity(at: number, { pid, startTicks, namespace }: EnvironmentIdentity): void {
    const words = this.words;
    Atomics.store(words, at + 2, 0); // what follows belongs to nobody until it is complete
    Atomics.store(words, at + 3, startTicks | 0);
    Atomics.store(words, at + 4, Math.floor(startTicks / BASE));
    Atomics.store(words, at + 5, namespace | 0);
    Atomics.store(words, at + 6, Math.floor(namespace / BASE));
    Atomics.store(words, at + 2, pid | 0);
  }
}

export const COUNTERS_OF_AN_OWNER = COUNTER_COUNT;
