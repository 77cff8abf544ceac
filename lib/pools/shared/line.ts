import { type Clock, isMemoryError } from '../../core';
import { noPlace } from './errors';
import { GATE, HEAD, type LineBook, PLACE } from './line-layout';

/** Who waits and has not looked for so long is passed over until it looks again: stopped, or busy. The dead are met before. */
const STALLED_MS = 1000;
/** Where no thread can be woken through the memory, who blocks naps and looks again. */
const NAP_MS = 8;
const NAP = new Int32Array(new SharedArrayBuffer(4));

/**
 * One attachment's place in the line of all who wait. Each attachment stands in it for the first of its own who waits,
 * with that one's priority and ticket; so the line as a whole is in order of priority and arrival.
 *
 * Nothing is handed to who waits: it is told that it is its turn, and takes a slot like anybody else.
 */
export class Line {
  readonly owner: number;
  private readonly book: LineBook;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly place: number;
  private readonly refused: number;
  private readonly clock: Clock;
  /** What was seen of the others when: their beat, and since when it has been so. */
  private readonly beats: Int32Array;
  private readonly since: Float64Array;
  /** Whether the operating system wakes who waits on shared memory. */
  private native = true;

  /** @throws ERR_MEMORY_POOL_EXHAUSTED */
  constructor(where: string, source: string, book: LineBook, clock: Clock) {
    this.book = book;
    this.words = book.words;
    this.doubles = book.doubles;
    this.clock = clock;
    this.beats = new Int32Array(book.owners + 1);
    this.since = new Float64Array(book.owners + 1);
    let owner = book.table.claim();
    if (owner === 0 && this.recover() > 0) owner = book.table.claim();
    if (owner === 0) throw noPlace(where, source, book.owners);
    this.owner = owner;
    this.place = book.placeOf(owner);
    this.refused = book.refusalsOf(owner);
    this.clean(owner);
  }

  /** Not 0 when somebody may wait or nothing is lent any more. A plain read, for the hot path. */
  get gate(): number {
    return this.words[HEAD.gate] as number;
  }

  get isShut(): boolean {
    return (Atomics.load(this.words, HEAD.gate) & GATE.shut) !== 0;
  }

  shut(): void {
    Atomics.or(this.words, HEAD.gate, GATE.shut);
    for (let owner = 1; owner <= this.book.owners; owner += 1) this.ring(owner);
  }

  /** Numbers who comes now. */
  ticket(): number {
    const ticket = (Atomics.add(this.words, HEAD.tickets, 1) + 1) | 0;
    return ticket === 0 ? 1 : ticket;
  }

  /** Stands in line for the first of `count` who wait here, or goes on standing. */
  stand(priority: number, ticket: number, count: number): void {
    const { words, place } = this;
    Atomics.store(words, place + PLACE.priority, priority);
    Atomics.store(words, place + PLACE.count, count);
    Atomics.store(words, place + PLACE.ticket, ticket);
    Atomics.add(words, place + PLACE.beat, 1);
    if ((Atomics.load(words, HEAD.gate) & GATE.waiting) === 0) Atomics.or(words, HEAD.gate, GATE.waiting);
  }

  leave(): void {
    Atomics.store(this.words, this.place + PLACE.count, 0);
    Atomics.store(this.words, this.place + PLACE.ticket, 0);
  }

  /** How many wait, in all attachments. */
  get waiting(): number {
    let total = 0;
    for (let owner = 1; owner <= this.book.owners; owner += 1) {
      if (!this.stands(owner)) continue;
      total += Math.max(0, this.words[this.book.placeOf(owner) + PLACE.count] as number);
    }
    return total;
  }

  /** Counts a refusal of this attachment. */
  countRefusal(): void {
    const { doubles, refused } = this;
    doubles[refused] = (doubles[refused] as number) + 1;
  }

  /** Of all attachments, past ones included. */
  get refusals(): number {
    let total = 0;
    for (let owner = 1; owner <= this.book.owners; owner += 1) {
      const count = this.doubles[this.book.refusalsOf(owner)];
      if (Number.isSafeInteger(count)) total += Math.max(0, count as number); // what was overwritten counts nothing
    }
    return total;
  }

  private stands(owner: number): boolean {
    const ticket = Atomics.load(this.words, this.book.placeOf(owner) + PLACE.ticket);
    return ticket !== 0 && !this.book.table.isVacant(owner);
  }

  /** The attachment whose turn it is; 0 when nobody waits, or only such who do not look. */
  private first(): number {
    const { words, book } = this;
    let best = 0;
    let bestPriority = 0;
    let bestTicket = 0;
    for (let owner = 1; owner <= book.owners; owner += 1) {
      if (!this.stands(owner) || this.isStalled(owner)) continue;
      const place = book.placeOf(owner);
      const priority = words[place + PLACE.priority] as number;
      const ticket = words[place + PLACE.ticket] as number;
      const before = priority === bestPriority ? ((ticket - bestTicket) | 0) < 0 : priority > bestPriority;
      if (best !== 0 && !before) continue;
      best = owner;
      bestPriority = priority;
      bestTicket = ticket;
    }
    return best;
  }

  /** True when it is this attachment's turn, which stands in line. */
  get isFirst(): boolean {
    return this.first() === this.owner;
  }

  /** True when who does not wait may take a slot: nobody does who looks. */
  get isEmpty(): boolean {
    if (this.first() !== 0) return false;
    this.settle();
    return true;
  }

  private isStalled(owner: number): boolean {
    if (owner === this.owner) return false;
    const beat = this.words[this.book.placeOf(owner) + PLACE.beat] as number;
    const now = this.clock.nowMs();
    if (this.beats[owner] !== beat || this.since[owner] === 0) {
      this.beats[owner] = beat;
      this.since[owner] = now === 0 ? Number.MIN_VALUE : now;
      return false;
    }
    return now - (this.since[owner] as number) > STALLED_MS;
  }

  /** Opens the gate when nobody waits any more, whether looking or not. */
  private settle(): void {
    const { words } = this;
    Atomics.and(words, HEAD.gate, ~GATE.waiting);
    for (let owner = 1; owner <= this.book.owners; owner += 1) {
      if (!this.stands(owner)) continue;
      // Whoever came in between has shut it again by itself, or is seen here.
      Atomics.or(words, HEAD.gate, GATE.waiting);
      return;
    }
  }

  /** A slot may be free: wakes the one whose turn it is. True when that is this attachment. */
  wake(): boolean {
    const owner = this.first();
    if (owner === this.owner) return true;
    if (owner === 0) this.settle();
    else this.ring(owner);
    return false;
  }

  private ring(owner: number): void {
    const { words, book } = this;
    const place = book.placeOf(owner);
    if (owner === this.owner || Atomics.load(words, place + PLACE.sleeping) === 0) return;
    Atomics.add(words, place + PLACE.bell, 1);
    if (this.native) this.tryNative(() => book.region.notify((place + PLACE.bell) * 4));
  }

  /** What sleep() compares with: to be read before the last look. */
  prepare(): number {
    Atomics.store(this.words, this.place + PLACE.sleeping, 1);
    return Atomics.load(this.words, this.place + PLACE.bell);
  }

  /** Blocks the thread until the bell rings, or for so long. */
  sleep(bell: number, timeoutMs: number): void {
    if (timeoutMs <= 0) return;
    const at = (this.place + PLACE.bell) * 4;
    if (this.native && this.tryNative(() => this.book.region.wait(at, bell, { timeout: timeoutMs }))) return;
    Atomics.wait(NAP, 0, 0, Math.min(timeoutMs, NAP_MS));
  }

  /** False where the system has no such call. */
  private tryNative(call: () => unknown): boolean {
    try {
      call();
    } catch (error) {
      if (!isMemoryError(error, 'ERR_MEMORY_UNSUPPORTED')) throw error;
      this.native = false;
    }
    return this.native;
  }

  awake(): void {
    Atomics.store(this.words, this.place + PLACE.sleeping, 0);
  }

  /** Takes the places of those who ended. @returns how many */
  recover(): number {
    return this.book.table.recover((owner) => this.clean(owner)).owners;
  }

  private clean(owner: number): number {
    const place = this.book.placeOf(owner);
    Atomics.store(this.words, place + PLACE.ticket, 0);
    Atomics.store(this.words, place + PLACE.count, 0);
    Atomics.store(this.words, place + PLACE.sleeping, 0);
    return 1;
  }

  /** Leaves the line and its memory for good. */
  close(): void {
    const { table, region } = this.book;
    table.cleanUp(this.owner, true, (owner) => this.clean(owner));
    region.free();
  }
}
