import { threadId } from 'node:worker_threads';
import { type Clock, memoryError, parseBytes, systemTimers, type Timers } from '../../core';
import type { Region } from '../../platform';
import { beyond, closedError, tooManyMembers } from './errors';
import { AREA, type BudgetBook, HEAD } from './layout';
import { Ledger } from './ledger';
import { machineClock, WaitingLine } from './line';
import type { OpenBook } from './opening';
import type { SharedBudgetMemberOptions } from './options';
import { SharedQueue } from './queue';

const LARGEST_QUANTUM = 2 ** 20;
/** A member that did nothing for so long gives back what it does not use. */
const IDLE_MS = 100;
/** Looking for dead members costs microseconds for each: before a refusal it is done so often at most. */
const MISSING_MS = 100;

/**
 * One member's part of a shared budget: the capacity that it holds, and how that comes and goes. Internal; the fields are
 * plain for speed.
 */
export class SharedLeaf {
  readonly name: string;
  protected readonly region: Region;
  protected readonly book: BudgetBook;
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;
  protected readonly ledger: Ledger;
  protected readonly line: WaitingLine;
  protected readonly queue: SharedQueue;
  protected readonly timers: Timers;
  protected readonly clock: Clock;
  protected readonly owner: number;
  protected readonly usedAt: number;
  protected readonly unit: number;
  protected readonly quantum: number;
  /** Bytes of this member: reserved, and held beyond that. */
  protected used = 0;
  protected free = 0;
  /** Free bytes above which release() does not return at once: below zero, it never does. */
  protected keep = -1;
  protected waiting = 0;
  protected idleTimer: unknown = null;
  protected seen = 0;
  protected lookedAt = Number.NEGATIVE_INFINITY;
  protected closed = false;
  protected reservations = 0;
  protected releases = 0;

  protected constructor(where: string, name: string, { region, book }: OpenBook, options: SharedBudgetMemberOptions) {
    this.name = name;
    this.region = region;
    this.book = book;
    this.words = book.words;
    this.doubles = book.doubles;
    this.ledger = new Ledger(book);
    this.unit = book.unitBytes;
    this.timers = options.timers ?? systemTimers;
    this.clock = options.clock ?? machineClock;
    const standard = Math.max(1, Math.min(LARGEST_QUANTUM, Math.floor((book.limitUnits * this.unit) / 256)));
    const quantum = parseBytes(options.quantumBytes ?? standard, `${where}: quantumBytes`, { minBytes: 1 });
    this.quantum = Math.ceil(quantum / this.unit) * this.unit;
    this.owner = this.enter(where);
    this.usedAt = book.usedOf(this.owner);
    this.line = new WaitingLine(book, this.owner, this.clock);
    this.queue = new SharedQueue(this.timers, {
      serve: (bytes) => this.serve(bytes),
      waits: (count) => this.waits(count),
    });
  }

  private enter(where: string): number {
    const { book, ledger, words } = this;
    let owner = book.table.claim();
    if (owner === 0 && this.recover().members > 0) owner = book.table.claim();
    if (owner === 0) throw tooManyMembers(where, this.name, book.members);
    const area = book.areaOf(owner);
    if (ledger.heldBy(owner) !== 0) {
      book.table.cleanUp(owner, true, () => 0);
      throw memoryError('ERR_MEMORY_CORRUPTION', `${where}: a free place of the budget holds capacity`);
    }
    Atomics.store(words, area + AREA.ticket, 0);
    Atomics.store(words, area + AREA.agreed, 0);
    Atomics.store(words, area + AREA.pid, process.pid);
    Atomics.store(words, area + AREA.thread, threadId);
    this.doubles[book.usedOf(owner)] = 0;
    return owner;
  }

  private waits(count: number): void {
    this.waiting = count;
    if (count > 0) this.keep = -1;
    else this.line.leave();
  }

  protected charge(bytes: number): void {
    this.free -= bytes;
    this.used += bytes;
    this.doubles[this.usedAt] = this.used;
    this.reservations += 1;
  }

  /** Makes `free` at least `bytes`, unless others wait before this member or there is no room. */
  protected obtain(bytes: number): boolean {
    if (bytes <= this.free) return true;
    if (bytes > this.book.limitUnits * this.unit) return false;
    if (this.line.isFirst() && this.take(bytes)) return true;
    this.line.ask();
    return this.missSomebody() && this.line.isFirst() && this.take(bytes);
  }

  /** True when a dead member's share came back, so that a request is worth another try. */
  private missSomebody(): boolean {
    const now = this.clock.nowMs();
    if (now - this.lookedAt < MISSING_MS) return false;
    this.lookedAt = now;
    return this.recover().members > 0;
  }

  private take(bytes: number): boolean {
    const need = Math.ceil((bytes - this.free) / this.unit);
    const most = this.words[HEAD.wanted] === 0 ? Math.max(need, this.quantum / this.unit) : need;
    const got = this.ledger.take(this.owner, need, most);
    this.count();
    if (got > 0) this.watch();
    return bytes <= this.free;
  }

  protected give(bytes: number): void {
    const units = Math.floor(bytes / this.unit);
    if (units <= 0) return;
    this.free -= units * this.unit; // before they go, so that nothing that ends this call leaves them in both places
    this.ledger.give(this.owner, units);
    this.count();
  }

  /** What is free follows from what the ledger says, whatever ended a call before. */
  private count(): void {
    this.free = this.ledger.heldBy(this.owner) * this.unit - this.used;
  }

  /** For the one of this member who waits first. */
  private serve(bytes: number): boolean {
    const limitBytes = this.book.limitUnits * this.unit;
    if (bytes > limitBytes) throw beyond(this.name, bytes, limitBytes); // it was lowered meanwhile
    this.line.wait();
    const first = this.line.isFirst();
    if (bytes > this.free && !(first && (this.take(bytes) || (this.missSomebody() && this.take(bytes))))) {
      if (!first) this.give(this.free); // what it cannot use yet is what those before it wait for
      return false;
    }
    this.charge(bytes);
    this.line.leave(); // the next one of this member stands behind those of others who wait already
    return true;
  }

  /** After capacity became free here. */
  protected settle(): void {
    if (this.waiting > 0) this.queue.serve();
    else if (this.line.wanted()) this.give(this.free);
    else if (this.free > 2 * this.quantum) this.give(this.free - this.quantum);
    this.watch();
  }

  /** Looks after a while whether what is free is used. */
  private watch(): void {
    if (this.idleTimer === null && this.free >= this.unit) {
      try {
        this.idleTimer = this.timers.start(() => this.rest(), IDLE_MS);
      } catch {} // its books are right, and without a timer each release() settles
    }
    this.keep = this.idleTimer === null || this.waiting > 0 ? -1 : 2 * this.quantum;
  }

  private rest(): void {
    this.idleTimer = null;
    const done = this.reservations + this.releases;
    try {
      if (this.waiting === 0 && (done === this.seen || this.line.wanted())) this.give(this.free);
    } catch {} // broken memory, which the next call meets: in a timer nobody could catch what tells that
    this.seen = done;
    this.watch();
  }

  /**
   * Takes back what members held whose worker or process has ended. Also done by itself before a request is refused, and
   * while one waits. Any member may call it at any time.
   *
   * @throws ERR_MEMORY_CLOSED, ERR_MEMORY_CORRUPTION for one whose share cannot be read: the others came back
   */
  recover(): { readonly members: number; readonly bytes: number } {
    this.needOpen('recover');
    const { owners, amount } = this.book.table.recover((owner) => this.clean(owner));
    return { members: owners, bytes: amount * this.unit };
  }

  protected clean(owner: number): number {
    this.doubles[this.book.usedOf(owner)] = 0;
    Atomics.store(this.words, this.book.areaOf(owner) + AREA.ticket, 0);
    Atomics.store(this.words, this.book.areaOf(owner) + AREA.agreed, 0);
    return this.ledger.clean(owner);
  }

  protected needOpen(what: string): void {
    if (this.closed) throw closedError(this.name, what);
  }
}
