import {
  type BudgetLike,
  type ByteSize,
  checkClock,
  checkInteger,
  checkOptions,
  checkString,
  checkTimers,
  type MemoryUsage,
  memoryError,
  parseBytes,
  stopTimer,
} from '../../core';
import { Region } from '../../platform';
import { parseAcquire } from '../acquire-request';
import type { BudgetAcquireOptions } from '../options';
import { Reservation } from '../reservation';
import { aborted, beyond, closedError, exceeded, stillUsed, timedOut, tooMuch } from './errors';
import { AREA, HEAD, SHARED_BUDGET_VERSION } from './layout';
import { SharedLeaf } from './leaf';
import { attachBook, makeBook, type OpenBook, openBook, unitsOf } from './opening';
import type {
  SharedBudgetHandle,
  SharedBudgetMember,
  SharedBudgetMemberOptions,
  SharedBudgetOpenOptions,
  SharedBudgetOptions,
  SharedBudgetStats,
} from './options';

const MEMBER_KEYS = ['quantumBytes', 'timers', 'clock'] as const;
const READINGS = 8;

/** Checks what a member decides, before anything is opened for it. */
function checkMember<T extends SharedBudgetMemberOptions>(
  where: string,
  options: T,
  keys: readonly (keyof T & string)[],
): T {
  const given = checkOptions(where, options, keys);
  if (given.quantumBytes !== undefined) parseBytes(given.quantumBytes, `${where}: quantumBytes`, { minBytes: 1 });
  checkTimers(where, given.timers);
  checkClock(where, given.clock);
  return given;
}

/**
 * A hard limit that threads and processes share. Each of them is a member with an object of its own, and the sum of what
 * all have reserved never passes the limit, not for a moment. What a member had whose worker was terminated or whose
 * process was killed comes back.
 *
 * One object belongs to one thread. What it reserves is counted in this thread only; it gets capacity from the others in
 * steps, and gives back what it does not use: above two steps at once, all of it when somebody else is refused or waits,
 * or after a tenth of a second without use.
 */
export class SharedBudget extends SharedLeaf implements BudgetLike, MemoryUsage, Disposable {
  private peak = 0;
  private refusals = 0;
  private last: SharedBudgetStats | undefined;

  /**
   * Makes a shared budget; others become members by its `handle`. It is there as long as somebody is a member.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for a limit of 0, ERR_MEMORY_INVALID_ARGUMENT, and as Region.shared
   */
  static create(name: string, options: SharedBudgetOptions): SharedBudget {
    const where = 'SharedBudget.create';
    checkString(`${where}: name`, name, 200);
    const given = checkMember(where, options, ['limitBytes', 'members', ...MEMBER_KEYS]);
    return SharedBudget.join(where, name, makeBook(where, given), given);
  }

  /**
   * The shared budget of that name on this machine, for processes that have no common parent to hand them a handle; with
   * a limit it is made where it is not there. It stays after every member has gone, until SharedBudget.unlink(name).
   *
   * @param name 1 to 200 of `[A-Za-z0-9._-]`
   * @throws ERR_MEMORY_SYSCALL with ENOENT where it is not there and no limit is given, ERR_MEMORY_INVALID_ARGUMENT for a
   *   limit that is not that of the other members, ERR_MEMORY_CORRUPTION for memory of something else
   */
  static open(name: string, options: SharedBudgetOpenOptions = {}): SharedBudget {
    const where = 'SharedBudget.open';
    const given = checkMember(where, options, ['limitBytes', 'members', ...MEMBER_KEYS]);
    const limitBytes =
      given.limitBytes === undefined
        ? undefined
        : parseBytes(given.limitBytes, `${where}: limitBytes`, { minBytes: 1 });
    checkInteger(`${where}: members`, given.members ?? 1, 1, 1023);
    return SharedBudget.join(where, name, openBook(where, name, given), given, limitBytes);
  }

  /** Takes the name away; its members go on. @throws ERR_MEMORY_SYSCALL with ENOENT */
  static unlink(name: string): void {
    Region.unlink(name);
  }

  /**
   * Makes the calling thread a member, by a handle.
   *
   * @throws ERR_MEMORY_STALE_HANDLE for a budget that is gone, ERR_MEMORY_CORRUPTION, ERR_MEMORY_INVALID_ARGUMENT,
   *   ERR_MEMORY_POOL_EXHAUSTED when all places are taken
   */
  static attach(handle: SharedBudgetHandle, options: SharedBudgetMemberOptions = {}): SharedBudget {
    const where = 'SharedBudget.attach';
    const given = checkMember(where, options, MEMBER_KEYS);
    const { name, ...book } = attachBook(where, handle);
    return SharedBudget.join(where, name, book, given);
  }

  private static join(
    where: string,
    name: string,
    opened: OpenBook,
    options: SharedBudgetMemberOptions,
    limitBytes?: number,
  ): SharedBudget {
    let budget: SharedBudget;
    try {
      budget = new SharedBudget(where, name, opened, options);
    } catch (error) {
      opened.region.free();
      throw error;
    }
    try {
      budget.agree(where, limitBytes);
      return budget;
    } catch (error) {
      budget.close();
      throw error;
    }
  }

  /**
   * Members that live agree on one limit. Those that come when all others have gone, several at once perhaps, set it anew.
   */
  private agree(where: string, limitBytes: number | undefined): void {
    const { words, book } = this;
    const found = book.limitUnits;
    const units = limitBytes === undefined ? found : unitsOf(this.name, limitBytes, this.unit);
    if (units !== found) {
      this.recover();
      if (!this.othersAgreed()) {
        book.exchangeLimit(found, units);
        if (this.othersAgreed() || this.ledger.granted > units) {
          book.exchangeLimit(units, found);
          if (this.ledger.granted > found) book.exchangeLimit(found, units); // taken under the raised limit
        }
      }
    }
    Atomics.store(words, book.areaOf(this.owner) + AREA.agreed, 1);
    if (limitBytes === undefined || book.limitUnits === units) return;
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: '${this.name}' has members and a limit of ${this.limitBytes} bytes, not ${limitBytes}`,
      { source: this.name, hint: 'Give the same limit in every process, or use resize().' },
    );
  }

  private othersAgreed(): boolean {
    const { words, book } = this;
    for (let owner = 1; owner <= book.members; owner += 1) {
      if (owner === this.owner || book.table.isVacant(owner)) continue;
      if (Atomics.load(words, book.areaOf(owner) + AREA.agreed) !== 0) return true;
    }
    return false;
  }

  // ---- what it is ------------------------------------------------------------------------------------------------

  get limitBytes(): number {
    return this.last?.limitBytes ?? this.book.limitUnits * this.unit;
  }

  get capacityBytes(): number {
    return this.limitBytes;
  }

  /** Reserved by all members together; one who died and was not missed yet is counted. */
  get usedBytes(): number {
    if (this.closed) return 0;
    const { table, members } = this.book;
    let total = 0;
    for (let reading = 0; reading < READINGS; reading += 1) {
      const mark = this.ledger.mark;
      total = 0;
      for (let owner = 1; owner <= members; owner += 1) if (!table.isVacant(owner)) total += this.usedBy(owner);
      // No capacity has moved meanwhile: so these belong together.
      if (this.ledger.mark === mark) return total;
    }
    return Math.min(total, this.limitBytes);
  }

  private usedBy(owner: number): number {
    const bytes = this.doubles[this.book.usedOf(owner)] ?? 0;
    return bytes > 0 && bytes <= Number.MAX_SAFE_INTEGER ? bytes : 0;
  }

  /** Plain data for postMessage, workerData or IPC. @throws ERR_MEMORY_CLOSED */
  get handle(): SharedBudgetHandle {
    this.needOpen('handle');
    return Object.freeze({
      type: 'nebula-memory.shared-budget',
      version: SHARED_BUDGET_VERSION,
      name: this.name,
      region: this.region.handle,
    });
  }

  /** Sums over all members, each as it was a moment ago, and the counters of this one. */
  stats(): SharedBudgetStats {
    if (this.last !== undefined) return this.last;
    const { words, book } = this;
    const members: SharedBudgetMember[] = [];
    for (let owner = 1; owner <= book.members; owner += 1) {
      if (book.table.isVacant(owner)) continue;
      const area = book.areaOf(owner);
      members.push(
        Object.freeze({
          member: owner,
          pid: Atomics.load(words, area + AREA.pid),
          threadId: Atomics.load(words, area + AREA.thread),
          self: owner === this.owner,
          usedBytes: this.usedBy(owner),
          heldBytes: this.ledger.heldBy(owner) * this.unit,
          waiting: Atomics.load(words, area + AREA.ticket) !== 0,
        }),
      );
    }
    return Object.freeze({
      name: this.name,
      limitBytes: this.limitBytes,
      usedBytes: this.usedBytes,
      heldBytes: this.ledger.granted * this.unit,
      unitBytes: this.unit,
      quantumBytes: this.quantum,
      ownBytes: this.used,
      peakOwnBytes: Math.max(this.peak, this.used),
      reservations: this.reservations,
      releases: this.releases,
      refusals: this.refusals,
      waiting: this.waiting,
      members: Object.freeze(members),
    });
  }

  // ---- taking and giving -----------------------------------------------------------------------------------------

  /**
   * Takes the bytes.
   *
   * @throws ERR_MEMORY_BUDGET_EXCEEDED naming the limit and who holds most, ERR_MEMORY_TOO_LARGE for more than the limit,
   *   ERR_MEMORY_CLOSED
   */
  reserve(bytes: number): void {
    if (this.tryReserve(bytes)) return;
    throw bytes > this.limitBytes ? beyond(this.name, bytes, this.limitBytes) : exceeded(this.stats(), bytes);
  }

  /**
   * As reserve(), but false where there is no room: also where another member holds what it does not use, which it is then
   * asked to give back. @throws for what is no size, and after close()
   */
  tryReserve(bytes: number): boolean {
    // Mostly: a whole number that this member has free, and nobody of it waits.
    if (bytes > 0 && bytes <= this.free && Number.isInteger(bytes) && this.waiting === 0) {
      this.free -= bytes;
      this.used += bytes;
      this.doubles[this.usedAt] = this.used;
      this.reservations += 1;
      return true;
    }
    this.needOpen('reserve');
    checkInteger('SharedBudget.reserve: bytes', bytes, 1);
    if (this.waiting === 0 && this.obtain(bytes)) {
      this.charge(bytes);
      return true;
    }
    this.refusals += 1;
    return false;
  }

  /**
   * Gives bytes of this member back.
   *
   * @throws ERR_MEMORY_INVALID_STATE for more than this member has reserved: nothing is given back then
   */
  release(bytes: number): void {
    if (!(bytes > 0 && bytes <= this.used && Number.isInteger(bytes))) this.badRelease(bytes);
    if (this.used > this.peak) this.peak = this.used;
    this.used -= bytes;
    this.free += bytes;
    this.doubles[this.usedAt] = this.used;
    this.releases += 1;
    // A plain read: late by nanoseconds at most.
    if (this.free > this.keep || this.words[HEAD.wanted] !== 0) this.settle();
  }

  private badRelease(bytes: number): never {
    this.needOpen('release');
    checkInteger('SharedBudget.release: bytes', bytes, 1);
    throw tooMuch(this.name, bytes, this.used);
  }

  /**
   * Takes bytes as an object that gives them back by itself: `using work = budget.reservation('4MiB')`.
   *
   * @throws as reserve()
   */
  reservation(size: ByteSize): Reservation {
    const bytes = parseBytes(size, 'SharedBudget.reservation: bytes', { minBytes: 1 });
    this.reserve(bytes);
    return new Reservation(this, bytes, bytes, this.timers);
  }

  /**
   * Waits for the bytes. Members are served in the order in which they began to wait, and within a member by priority and
   * arrival; a large request is not overtaken by small ones. Finds what others give back within 16 ms, and a dead member's
   * share a tenth of a second later. The priority counts among those of this member. Keeps the process alive until the deadline, and without one not at all.
   *
   * @throws ERR_MEMORY_TOO_LARGE at once for more than the limit, ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED, ERR_MEMORY_CLOSED
   *   when this member closes meanwhile
   */
  async acquire(size: ByteSize, options: BudgetAcquireOptions = {}): Promise<Reservation> {
    const { bytes, priority, deadlineMs, signal } = parseAcquire('SharedBudget.acquire', size, options);
    this.needOpen('acquire');
    if (signal?.aborted) throw aborted(this.name, bytes, signal);
    if (bytes > this.limitBytes) throw beyond(this.name, bytes, this.limitBytes);
    const granted = (): Reservation => new Reservation(this, bytes, bytes, this.timers);
    if (this.tryReserve(bytes)) return granted();
    return this.queue.wait({
      bytes,
      priority,
      deadlineMs,
      signal,
      granted,
      aborted: () => aborted(this.name, bytes, signal),
      timedOut: () => timedOut(this.stats(), bytes, deadlineMs ?? 0),
    });
  }

  // ---- life ------------------------------------------------------------------------------------------------------

  /**
   * Changes the limit for all members.
   *
   * @throws ERR_MEMORY_BUDGET_EXCEEDED below what members hold (who then are asked to give back what they do not use),
   *   ERR_MEMORY_OUT_OF_RANGE for more than its count can hold, about four times its first limit
   */
  resize(limit: ByteSize): void {
    this.needOpen('resize');
    const bytes = parseBytes(limit, 'SharedBudget.resize: limitBytes', { minBytes: 1 });
    const units = unitsOf(this.name, bytes, this.unit);
    this.give(this.free);
    let before = this.book.limitUnits;
    while (!this.book.exchangeLimit(before, units)) before = this.book.limitUnits;
    if (this.ledger.granted <= units) return;
    this.recover();
    // Never left below what is held, whoever else resizes at the same time.
    for (let now = units; now < this.ledger.granted; now = this.book.limitUnits) {
      this.book.exchangeLimit(now, Math.max(before, this.ledger.granted));
    }
    if (this.book.limitUnits === units) return;
    this.line.ask();
    throw exceeded(this.stats(), bytes);
  }

  /**
   * Ends this membership: its capacity goes to the others, who of it waits is refused. Closing twice does nothing.
   *
   * @throws ERR_MEMORY_IN_USE while this member has bytes reserved
   */
  close(): void {
    if (this.closed) return;
    if (this.used > 0) throw stillUsed(this.name, this.used);
    this.queue.close(() => closedError(this.name, 'acquire'));
    if (this.idleTimer !== null) stopTimer(this.timers, this.idleTimer);
    this.idleTimer = null;
    this.last = this.stats();
    this.closed = true;
    this.free = 0;
    try {
      this.book.table.cleanUp(this.owner, true, (owner) => this.clean(owner));
    } finally {
      this.region.free();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
