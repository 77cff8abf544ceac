import {
  type BudgetLike,
  type ByteSize,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkString,
  checkTimers,
  type MemoryUsage,
  memoryError,
  parseBytes,
  parseDuration,
  type Timers,
  watchEnds,
} from '../core';
import { parseAcquire } from './acquire-request';
import { type ContainerBudgetOptions, containerBytes } from './container';
import { closedError, exceeded, stillHeld, topConsumers } from './errors';
import { BudgetNode, beyondReach, type Waiting } from './node';
import type {
  BudgetAcquireOptions,
  BudgetOptions,
  BudgetState,
  BudgetStats,
  ChildBudgetOptions,
  ReservationOptions,
} from './options';
import { policyOf } from './policy';
import { type BudgetReclaimer, checkReclaimer, reclaimableOf } from './reclaimer';
import { Reclaiming } from './reclaiming';
import { Reservation } from './reservation';

const CHILD_KEYS = ['limitBytes', 'guaranteedBytes', 'priority', 'policy', 'quantumBytes'] as const;
const LARGEST_QUANTUM = 2 ** 20;

interface AcquireWaiter extends Waiting {
  refuse(error: Error, settles?: boolean): void;
}

/**
 * A hard limit on memory, or on any other work that is counted in bytes. Budgets form a tree: what a child uses its
 * parents use too, and no limit is passed on any level, not for a moment. Counts only: it allocates nothing.
 * Belongs to one thread.
 */
export class MemoryBudget extends BudgetNode implements BudgetLike, MemoryUsage, Disposable {
  private readonly timers: Timers;
  private readonly pending = new Set<AcquireWaiter>();
  private refused = false;
  private peak = 0;
  private reservations = 0;
  private releases = 0;
  private refusals = 0;

  /**
   * A root budget; children come from child().
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for a limit of 0, ERR_MEMORY_INVALID_ARGUMENT
   */
  constructor(name: string, options: BudgetOptions, parent: MemoryBudget | null = null) {
    const where = 'MemoryBudget';
    checkString(`${where}: name`, name, 200);
    const given: Partial<BudgetOptions> = checkOptions(where, options, [...CHILD_KEYS, 'timers']);
    const most = parent === null ? Number.MAX_SAFE_INTEGER : parent.limit;
    const limitBytes = parseBytes(given.limitBytes as ByteSize, `${where}: limitBytes`, {
      minBytes: 1,
      maxBytes: most,
    });
    const guaranteed = given.guaranteedBytes ?? 0;
    const guaranteedBytes = parseBytes(guaranteed, `${where}: guaranteedBytes`, { maxBytes: limitBytes });
    const quantum = given.quantumBytes ?? Math.max(1, Math.min(LARGEST_QUANTUM, Math.floor(limitBytes / 16)));
    super(name, parent, {
      limitBytes,
      guaranteedBytes,
      priority: checkInteger(`${where}: priority`, given.priority ?? 50, 0, 100),
      quantumBytes: parseBytes(quantum, `${where}: quantumBytes`, { minBytes: 1 }),
      policy: policyOf(where, given.policy ?? 'greedy'),
      reclaiming: (root) => new Reclaiming(root),
    });
    this.timers = parent?.timers ?? checkTimers(where, given.timers);
  }

  /**
   * A root budget for what a service inside a container may give to memory of this package: see
   * {@link ContainerBudgetOptions}. Read once; use resize() where limits change.
   *
   * @throws ERR_MEMORY_UNSUPPORTED where no limit can be read, ERR_MEMORY_OUT_OF_MEMORY where nothing is left
   */
  static forContainer(options?: ContainerBudgetOptions & Omit<BudgetOptions, 'limitBytes'>): MemoryBudget {
    const { headroomRatio, limits, heapLimitBytes, processMemory, ...rest } = options ?? {};
    const own = { headroomRatio, limits, heapLimitBytes, processMemory };
    const known = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
    const limitBytes = containerBytes('MemoryBudget.forContainer', known);
    return new MemoryBudget('container', { ...rest, limitBytes });
  }

  get limitBytes(): number {
    return this.limit;
  }

  /** In use here and below; walks the tree below. */
  get usedBytes(): number {
    return this.totalUsed();
  }

  get capacityBytes(): number {
    return this.limit;
  }

  get state(): BudgetState {
    if (this.closed) return 'released';
    if (this.refused) return 'exhausted';
    return this.reservations > 0 || this.children.size > 0 ? 'active' : 'created';
  }

  /**
   * Makes a budget below this one.
   *
   * @throws ERR_MEMORY_BUDGET_EXCEEDED for a limit or a guarantee above what this one has left
   */
  child(name: string, options: ChildBudgetOptions = {}): MemoryBudget {
    this.needOpen('child');
    const checked = checkOptions('MemoryBudget.child', options, CHILD_KEYS);
    this.needName(name);
    const made = new MemoryBudget(name, { ...checked, limitBytes: checked.limitBytes ?? this.limit }, this);
    if (checked.limitBytes !== undefined && made.limit > this.unpromised()) throw exceeded(this, made.limit, this);
    const room = made.guaranteed === 0 || this.makeRoom(made.guaranteed);
    this.needOpen('child'); // a reclaimer may have closed it, or taken the name
    if (!room) throw exceeded(this, made.guaranteed, this);
    this.needName(name);
    this.free -= made.guaranteed;
    made.held = made.guaranteed;
    made.free = made.guaranteed;
    this.children.set(name, made);
    this.promised += made.guaranteed;
    return made;
  }

  private needName(name: string): void {
    if (!this.children.has(name)) return;
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `MemoryBudget.child: '${this.name}' has a child '${name}' already`,
    );
  }

  /** What neither this budget and its children use nor is guaranteed to them. */
  private unpromised(): number {
    let left = this.limit - this.used;
    for (const child of this.children.values()) left -= Math.max(child.guaranteed, child.totalUsed());
    return left;
  }

  /**
   * Takes the bytes, asking reclaimers where it must.
   *
   * @throws ERR_MEMORY_BUDGET_EXCEEDED naming the limit and the top consumers, ERR_MEMORY_TOO_LARGE for more than any
   *   limit on the way, ERR_MEMORY_CLOSED
   */
  reserve(bytes: number): void {
    if (this.tryReserve(bytes)) return;
    const narrow = this.unreachable(bytes);
    throw narrow === null
      ? exceeded(this, bytes, this.ensure(bytes, null, false) ?? this)
      : beyondReach(this, bytes, narrow);
  }

  /** As reserve(), but false where there is no room. @throws for what is no size, and after close() */
  tryReserve(bytes: number): boolean {
    // Mostly: a whole number that the leaf has free, and nobody waits.
    if (bytes > 0 && bytes <= this.free && Number.isInteger(bytes) && this.tree.waiting === 0 && !this.closed) {
      this.free -= bytes;
      this.used += bytes;
      this.reservations += 1;
      return true;
    }
    this.needOpen('reserve');
    checkInteger('MemoryBudget.reserve: bytes', bytes, 1);
    if (this.makeRoom(bytes)) {
      this.free -= bytes;
      this.used += bytes;
      this.reservations += 1;
      return true;
    }
    this.needOpen('reserve'); // a reclaimer or a policy may have closed it
    this.refused = true;
    this.refusals += 1;
    return false;
  }

  /**
   * Gives bytes back.
   *
   * @throws ERR_MEMORY_INVALID_STATE for more than is reserved here: nothing is given back then
   */
  release(bytes: number): void {
    if (!(bytes > 0 && bytes <= this.used && Number.isInteger(bytes))) this.badRelease(bytes);
    if (this.used > this.peak) this.peak = this.used;
    this.used -= bytes;
    this.free += bytes;
    this.releases += 1;
    this.refused = false;
    if (this.tree.waiting > 0 || this.free > 2 * this.quantum) this.settle();
  }

  private badRelease(bytes: number): never {
    checkInteger('MemoryBudget.release: bytes', bytes, 1);
    throw memoryError(
      'ERR_MEMORY_INVALID_STATE',
      `budget '${this.path()}': release of ${bytes} bytes, but only ${this.used} bytes are reserved here`,
      { requestedBytes: bytes, availableBytes: this.used, source: this.path() },
    );
  }

  /**
   * Takes bytes as an object that gives them back by itself: `using work = budget.reservation('4MiB')`.
   *
   * @throws as reserve()
   */
  reservation(size: ByteSize, options: ReservationOptions = {}): Reservation {
    const where = 'MemoryBudget.reservation';
    const given = checkOptions(where, options, ['mode', 'expiresMs']);
    const bytes = parseBytes(size, `${where}: bytes`, { minBytes: 1 });
    const mode = checkOneOf(`${where}: mode`, given.mode ?? 'strict', ['strict', 'elastic', 'bestEffort']);
    const expiresMs = given.expiresMs === undefined ? undefined : parseDuration(given.expiresMs, `${where}: expiresMs`);
    this.needOpen('reservation');
    let charged = 0;
    if (mode === 'strict') {
      this.reserve(bytes);
      charged = bytes;
    } else if (mode === 'elastic') {
      const free = Math.min(bytes, this.free);
      if (free > 0 && this.tryReserve(free)) charged = free;
    }
    return new Reservation(this, charged, bytes, this.timers, expiresMs);
  }

  /**
   * Waits for the bytes, in the order of priority and arrival; a large request is not overtaken by small ones. Keeps
   * the process alive until the deadline, and without one not at all: then it may end with the wait.
   *
   * @throws ERR_MEMORY_TOO_LARGE at once where waiting is in vain, ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED,
   *   ERR_MEMORY_CLOSED when the budget closes meanwhile
   */
  async acquire(size: ByteSize, options: BudgetAcquireOptions = {}): Promise<Reservation> {
    const { bytes, priority, deadlineMs, signal } = parseAcquire('MemoryBudget.acquire', size, options);
    this.needOpen('acquire');
    if (signal?.aborted) throw this.aborted(bytes, signal);
    const narrow = this.unreachable(bytes);
    if (narrow !== null) throw beyondReach(this, bytes, narrow);
    if (this.tryReserve(bytes)) return new Reservation(this, bytes, bytes, this.timers);
    return this.queue(bytes, priority, deadlineMs, signal);
  }

  private queue(
    bytes: number,
    priority: number,
    deadlineMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Reservation> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        unwatch();
        this.pending.delete(waiter);
      };
      const waiter: AcquireWaiter = {
        node: this,
        at: this,
        short: null,
        asked: null,
        bytes,
        priority,
        arrival: this.tree.arrivals,
        done: false,
        grant: () => {
          leave();
          this.reservations += 1;
          resolve(new Reservation(this, bytes, bytes, this.timers));
        },
        fail: (error) => {
          leave();
          reject(error);
        },
        refuse: (error, settles = true) => {
          if (waiter.done) return;
          waiter.done = true;
          waiter.at.waiters.noteGone();
          this.tree.waiting -= 1;
          waiter.fail(error);
          if (settles) this.settle(); // those behind it may be served now
        },
      };
      const place = (this.ensure(bytes, null, false) ?? this).placeFor(); // may throw: nothing is counted yet
      const unwatch = watchEnds(this.timers, {
        deadlineMs,
        signal,
        timedOut: (afterMs) => waiter.refuse(this.timedOut(bytes, afterMs, waiter.at)),
        aborted: () => waiter.refuse(this.aborted(bytes, signal)),
      });
      this.tree.arrivals += 1;
      this.tree.waiting += 1;
      this.pending.add(waiter);
      const asked = place.waiters.peek() === undefined && !this.tree.reclaiming.running; // for it, by tryReserve()
      place.enqueue(waiter);
      this.serveUp();
      if (!asked && this.tree.waiting > 0) this.tree.reclaiming.plan();
    });
  }

  private aborted(bytes: number, signal: AbortSignal | undefined): Error {
    return memoryError('ERR_MEMORY_ABORTED', `budget '${this.path()}': waiting for ${bytes} bytes was aborted`, {
      requestedBytes: bytes,
      source: this.path(),
      cause: signal?.reason,
    });
  }

  private timedOut(bytes: number, deadlineMs: number, at: BudgetNode): Error {
    const { message, ...details } = exceeded(this, bytes, at);
    return memoryError('ERR_MEMORY_TIMEOUT', `${message}; waited ${deadlineMs} ms`, {
      requestedBytes: bytes,
      limitBytes: details.limitBytes,
      availableBytes: details.availableBytes,
      source: this.path(),
    });
  }

  /** Registers somebody who can give memory back; returns the function that removes it. */
  addReclaimer(reclaimer: BudgetReclaimer): () => void {
    this.needOpen('addReclaimer');
    checkReclaimer('MemoryBudget.addReclaimer', reclaimer);
    const { reclaiming, waiting } = this.tree;
    if (!this.reclaimers.has(reclaimer)) reclaiming.count += 1;
    this.reclaimers.add(reclaimer);
    if (waiting > 0) reclaiming.plan();
    return () => {
      if (this.reclaimers.delete(reclaimer)) reclaiming.count -= 1;
    };
  }

  /** Bytes that the reclaimers here and below say they could give. */
  reclaimableBytes(): number {
    let total = 0;
    for (const reclaimer of this.allReclaimers()) total += reclaimableOf(reclaimer);
    return total;
  }

  /** Own free capacity, then that of the others, then reclaimers, then no. */
  private makeRoom(bytes: number): boolean {
    let blocked = this.ensure(bytes, null, false);
    if (blocked === null) return true;
    if (this.unreachable(bytes) !== null) return false;
    const { reclaiming } = this.tree;
    if (blocked.waiters.peek() !== undefined && reclaiming.count > 0) {
      reclaiming.hurry(this);
      if (this.closed) return false; // by a reclaimer
      blocked = this.ensure(bytes, null, false);
      if (blocked === null) return true;
    }
    if (blocked.waiters.peek() !== undefined) return false;
    blocked.harvest();
    const refusing = this.ensure(bytes, null, false);
    return refusing === null || reclaiming.provide(this, bytes, refusing);
  }

  /**
   * Changes the limit. Those who wait are served where it grew, and refused where they ask for more than it now is.
   *
   * @throws ERR_MEMORY_BUDGET_EXCEEDED below what is in use, ERR_MEMORY_OUT_OF_RANGE above the parent's limit or below the guarantee
   */
  resize(limit: ByteSize): void {
    this.needOpen('resize');
    const limitBytes = parseBytes(limit, 'MemoryBudget.resize: limitBytes', {
      minBytes: Math.max(1, this.guaranteed),
      maxBytes: this.parent?.limit ?? Number.MAX_SAFE_INTEGER,
    });
    this.harvest();
    const granted = this.held - this.free;
    if (limitBytes < granted) throw exceeded(this, limitBytes, this);
    if (this.parent === null) {
      this.free += limitBytes - this.held;
      this.held = limitBytes;
    } else if (this.held > limitBytes) {
      const excess = this.held - limitBytes;
      this.held -= excess;
      this.free -= excess;
      this.parent.free += excess;
    }
    this.limit = limitBytes;
    this.refuseBeyond();
    this.settle();
    (this.parent ?? this).settle();
  }

  private refuseBeyond(): void {
    for (const waiter of [...this.pending]) {
      const narrow = this.unreachable(waiter.bytes);
      if (narrow !== null) waiter.refuse(beyondReach(this, waiter.bytes, narrow));
    }
    for (const child of this.children.values()) (child as MemoryBudget).refuseBeyond();
  }

  /** The budgets of this tree that use most, greatest first. */
  topConsumers(count: number = 5): { name: string; usedBytes: number }[] {
    return topConsumers(this, checkInteger('MemoryBudget.topConsumers: count', count, 1));
  }

  stats(): BudgetStats {
    return Object.freeze({
      name: this.name,
      state: this.state,
      limitBytes: this.limit,
      guaranteedBytes: this.guaranteed,
      usedBytes: this.totalUsed(),
      ownBytes: this.used,
      peakOwnBytes: Math.max(this.peak, this.used),
      heldBytes: this.held,
      reservations: this.reservations,
      releases: this.releases,
      refusals: this.refusals,
      waiting: this.pending.size,
      reclaimedBytes: this.reclaimed,
      reclaimFailures: this.reclaimFailures,
      children: Object.freeze([...this.children.values()].map((child) => (child as MemoryBudget).stats())),
    });
  }

  /**
   * Ends the budget: its capacity goes back to the parent, who waits is refused. Closing twice does nothing.
   *
   * @throws ERR_MEMORY_IN_USE naming the holders while anything is in use or a child is open
   */
  close(): void {
    if (this.closed) return;
    const open = [...this.children.keys()];
    if (this.used > 0 || open.length > 0) throw stillHeld(this, open);
    this.closed = true;
    for (const waiter of [...this.pending]) waiter.refuse(closedError(this, 'acquire'), false); // detach() settles
    this.tree.reclaiming.count -= this.reclaimers.size;
    this.reclaimers.clear();
    this.detach();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private needOpen(what: string): void {
    if (this.closed) throw closedError(this, what);
  }
}
