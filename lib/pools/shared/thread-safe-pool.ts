import {
  type Clock,
  checkOptions,
  type Duration,
  memoryError,
  parseDuration,
  parseWait,
  systemClock,
  systemTimers,
  type Timers,
  WAIT_KEYS,
  type WaitOptions,
} from '../../core';
import { abortedWait, poolClosed, timedOut } from '../base';
import { attachSlots, createSlots, type PoolParts, SharedPoolBase } from './base';
import { Drain } from './drain';
import { badHandle } from './errors';
import type { SharedPoolHandle } from './handle';
import { Line } from './line';
import { GATE, LineBook } from './line-layout';
import {
  CREATE_KEYS,
  checkTime,
  readCreate,
  type SharedPoolAttachOptions,
  type SharedPoolOptions,
  type SharedPoolRecovery,
  type SharedPoolStats,
} from './options';
import { Seekers } from './seekers';
import type { SlotLease } from './slot-lease';

/** What an attachment of a {@link ThreadSafePool} decides for itself. */
export interface ThreadSafePoolAttachOptions<T = Uint8Array> extends SharedPoolAttachOptions<T> {
  /** Time for waiting, to be replaced by tests. */
  readonly timers?: Timers;
  readonly clock?: Clock;
}

/** Options of a {@link ThreadSafePool}. */
export interface ThreadSafePoolOptions<T = Uint8Array> extends SharedPoolOptions<T>, ThreadSafePoolAttachOptions<T> {}

/** A drain() without priorities: nobody stands in line for it. */
export type DrainOptions = Omit<WaitOptions, 'priority'>;

/** Looking for the dead costs microseconds for each attachment: while somebody waits it is done so often. */
const MISSING_MS = 100;
/** A blocked thread looks by itself too: its bell may have been meant for one that died. */
const SLEEP_MS = 50;
const USUAL_PRIORITY = 50;

/**
 * The slots of a LockFreePool with waiting: one line for all threads and processes, in order of priority and arrival.
 *
 * Slots are not handed over: one that comes back is free, and the one whose turn it is takes it. So nothing is lost with
 * whoever times out, gives up or is killed, in any instruction. Who waits and is killed is missed within about a tenth of a
 * second; who has the turn and does not look for a second, because it is stopped or busy, is passed over until it does.
 *
 * One object belongs to one thread; others attach by `handle`.
 */
export class ThreadSafePool<T = Uint8Array> extends SharedPoolBase<T> {
  private readonly book: LineBook;
  private readonly line: Line;
  private readonly seekers: Seekers<SlotLease<T>>;
  private readonly timers: Timers;
  private readonly clock: Clock;
  private readonly drains = new Set<Drain>();
  private lookedAt = Number.NEGATIVE_INFINITY;

  private constructor(where: string, parts: PoolParts<T>, book: LineBook, options: ThreadSafePoolAttachOptions<T>) {
    super('thread-safe', parts);
    this.book = book;
    this.timers = options.timers ?? systemTimers;
    this.clock = options.clock ?? systemClock;
    this.line = new Line(where, this.name, book, this.clock);
    const granting = {
      claim: () => this.claimInTurn(),
      lookForDead: () => this.lookForDead(),
      closedError: () => poolClosed(this.name, 'acquire'),
    };
    this.seekers = new Seekers<SlotLease<T>>(this.line, granting, this.timers);
  }

  /** Makes a pool, attached to it. @throws as LockFreePool.create */
  static create<T = Uint8Array>(options: ThreadSafePoolOptions<T>): ThreadSafePool<T> {
    const where = 'ThreadSafePool.create';
    const given = readCreate<T, ThreadSafePoolOptions<T>>(where, options, [...CREATE_KEYS, 'timers', 'clock']);
    checkTime(where, given);
    const parts = createSlots<T>(where, given, 'thread-safe-pool');
    return ThreadSafePool.make(where, parts, given, () => LineBook.create(given.owners ?? 64, parts.id));
  }

  /** Attaches from another thread or process. @throws as LockFreePool.attach */
  static attach<T = Uint8Array>(handle: SharedPoolHandle, options?: ThreadSafePoolAttachOptions<T>): ThreadSafePool<T> {
    const where = 'ThreadSafePool.attach';
    const { timers, clock, ...rest } = checkOptions<ThreadSafePoolAttachOptions<T>>(where, options, [
      'wrap',
      'timers',
      'clock',
    ]);
    checkTime(where, { timers, clock });
    const { parts, handle: checked } = attachSlots<T>(where, 'thread-safe', handle, rest);
    const own = { ...(timers === undefined ? {} : { timers }), ...(clock === undefined ? {} : { clock }) };
    return ThreadSafePool.make(where, parts, own, () => {
      if (checked.line === undefined) throw badHandle(where, handle);
      return LineBook.attach(where, checked.line, parts.id);
    });
  }

  private static make<T>(
    where: string,
    parts: PoolParts<T>,
    options: ThreadSafePoolAttachOptions<T>,
    open: () => LineBook,
  ): ThreadSafePool<T> {
    let book: LineBook | undefined;
    try {
      book = open();
      return new ThreadSafePool<T>(where, parts, book, options);
    } catch (error) {
      book?.region.free();
      parts.blocks.dispose();
      throw error;
    }
  }

  protected override handleParts(): SharedPoolHandle {
    return { ...super.handleParts(), line: this.book.region.handle };
  }

  // ---- lending -------------------------------------------------------------------------------------------------------

  /**
   * A slot on loan, or undefined: where none is free, and where others wait, whom it does not overtake.
   *
   * @throws ERR_MEMORY_CLOSED after close() here, or shutdown() anywhere
   */
  tryAcquire(): SlotLease<T> | undefined {
    const lease = this.line.gate === 0 || this.mayPass('tryAcquire') ? this.claim() : undefined;
    if (lease === undefined) this.line.countRefusal();
    else if (this.line.gate !== 0) this.returnIfShut(lease, 'tryAcquire');
    return lease;
  }

  /** True when nobody waits who would be overtaken. */
  private mayPass(method: string): boolean {
    this.needOpen(method);
    if (this.line.isShut) throw poolClosed(this.name, method);
    if (this.seekers.count > 0) return false;
    return this.line.isEmpty || (this.lookForDead() && this.line.isEmpty);
  }

  /** Whoever shuts the pool down between the look and the loan has shut it down before. */
  private returnIfShut(lease: SlotLease<T>, method: string): void {
    if (!this.line.isShut) return;
    super.release(lease);
    throw poolClosed(this.name, method);
  }

  /** For the one whose turn it is. */
  private claimInTurn(): SlotLease<T> | undefined {
    const lease = this.claim() ?? (this.lookForDead() ? this.claim() : undefined);
    if (lease !== undefined) this.returnIfShut(lease, 'acquire');
    return lease;
  }

  /**
   * A slot on loan; waits for one where none is free or others wait: by priority and arrival among all threads and
   * processes. What another thread gives back is found within 16 ms, what this one gives back at once. A waiter with a
   * deadline keeps the process alive, one without does not.
   *
   * @throws ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED, ERR_MEMORY_CLOSED when this attachment is closed or anybody shuts the
   *   pool down, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  async acquire(options?: WaitOptions): Promise<SlotLease<T>> {
    const where = `${this.name}.acquire`;
    const { priority, deadlineMs, signal } = parseWait(where, checkOptions<WaitOptions>(where, options, WAIT_KEYS));
    this.needOpen('acquire');
    if (signal?.aborted) throw this.refused(abortedWait(this.name, 'acquire', signal.reason));
    const now = this.takeNow();
    if (now !== undefined) return now;
    return this.seekers.wait({
      priority,
      deadlineMs,
      signal,
      aborted: () => this.refused(abortedWait(this.name, 'acquire', signal?.reason)),
      timedOut: () => this.refused(timedOut(this.name, 'acquire', deadlineMs ?? 0, this.line.waiting)),
    });
  }

  /**
   * As acquire(), blocking the thread meanwhile: for workers, and for programs that do nothing else. No timer and no
   * promise of this thread runs, so a slot that only this thread can give back does not come. worker.terminate() ends it.
   *
   * @param deadlineMs how long to wait, at most. Default: without end
   * @throws ERR_MEMORY_TIMEOUT, ERR_MEMORY_CLOSED, ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE
   */
  acquireSync(deadlineMs?: Duration): SlotLease<T> {
    const where = `${this.name}.acquireSync: deadlineMs`;
    const waitMs = deadlineMs === undefined ? Number.POSITIVE_INFINITY : parseDuration(deadlineMs, where);
    this.needOpen('acquireSync');
    const now = this.takeNow();
    if (now !== undefined) return now;
    let lease: SlotLease<T> | undefined;
    let failure: unknown;
    const seeker = this.seekers.enter(
      USUAL_PRIORITY,
      (granted) => {
        lease = granted;
      },
      (error) => {
        failure = error;
      },
    );
    // Real time: what sleeps is a real thread.
    const end = systemClock.nowMs() + waitMs;
    try {
      for (;;) {
        const bell = this.line.prepare();
        this.seekers.serve();
        if (seeker.done) break;
        const leftMs = end - systemClock.nowMs();
        if (leftMs <= 0) throw this.refused(timedOut(this.name, 'acquireSync', waitMs, this.line.waiting));
        this.line.sleep(bell, Math.ceil(Math.min(leftMs, SLEEP_MS)));
      }
    } catch (error) {
      this.seekers.giveUp(seeker, error);
    } finally {
      if (!this.closed) this.line.awake();
    }
    if (lease !== undefined) return lease;
    throw failure;
  }

  /** A slot without standing in line, where nobody does. */
  private takeNow(): SlotLease<T> | undefined {
    if (this.line.gate !== 0 && !this.mayPass('acquire')) return undefined;
    return this.claimInTurn();
  }

  private refused<E>(error: E): E {
    this.line.countRefusal();
    return error;
  }

  /** @throws as LockFreePool.release */
  override release(lease: SlotLease<T>): void {
    super.release(lease);
    // A plain read: one who began to wait at this very moment finds the slot at its next look.
    if (this.line.gate !== 0) this.passOn();
  }

  /** A slot became free, and somebody may wait. */
  private passOn(): void {
    if (this.line.wake() && this.seekers.count > 0) this.seekers.serve();
  }

  // ---- ends ----------------------------------------------------------------------------------------------------------

  /**
   * Ends lending for all threads and processes: everybody who waits is refused with ERR_MEMORY_CLOSED, at once where a
   * thread is blocked or the waiter is of this attachment, and within 16 ms elsewhere; slots that come back are not lent
   * again. Loans go on, and can be released and adopted. Idempotent, and for good.
   *
   * @throws ERR_MEMORY_CLOSED after close()
   */
  shutdown(): void {
    this.needOpen('shutdown');
    this.line.shut();
    this.seekers.close();
  }

  /**
   * Resolves when all loans of all attachments are back, those of the dead among them: after shutdown() at the moment when
   * nothing is lent any more; before it, when each slot was seen free once.
   *
   * @throws ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED, ERR_MEMORY_CLOSED when this attachment is closed meanwhile
   */
  async drain(options?: DrainOptions): Promise<void> {
    const where = `${this.name}.drain`;
    const request = parseWait(where, checkOptions<DrainOptions>(where, options, ['deadlineMs', 'signal']));
    this.needOpen('drain');
    if (request.signal?.aborted) throw abortedWait(this.name, 'drain', request.signal.reason);
    const { slots, slotBytes, blocks, name } = this;
    const pool = {
      slots,
      isLent: (slot: number) => blocks.ownerOf(slot * slotBytes) !== 0,
      lookForDead: () => void this.lookForDead(),
      timedOut: (deadlineMs: number) =>
        memoryError(
          'ERR_MEMORY_TIMEOUT',
          `${name}.drain: ${this.borrowed} slots are still lent after ${deadlineMs} ms`,
          {
            source: name,
          },
        ),
      aborted: (signal: AbortSignal) => abortedWait(name, 'drain', signal.reason),
    };
    const drain = new Drain(pool, this.timers, request, (ended) => this.drains.delete(ended));
    if (!drain.isDone) this.drains.add(drain);
    return drain.promise;
  }

  /** Looks for the dead, not too often; true when some were found. */
  private lookForDead(): boolean {
    const now = this.clock.nowMs();
    if (now - this.lookedAt < MISSING_MS) return false;
    this.lookedAt = now;
    const places = this.line.recover();
    return this.blocks.recover().owners + places > 0;
  }

  /** @throws ERR_MEMORY_CLOSED */
  override recover(): SharedPoolRecovery {
    const found = super.recover();
    this.line.recover();
    if (this.line.gate !== 0) this.passOn();
    return found;
  }

  protected override moreStats(): Partial<SharedPoolStats> {
    return { waiting: this.line.waiting, refusals: this.line.refusals };
  }

  protected override end(last: SharedPoolStats): void {
    super.end(last);
    this.seekers.close();
    for (const drain of [...this.drains]) drain.fail(poolClosed(this.name, 'drain'));
    if ((this.line.gate & GATE.waiting) !== 0) this.line.wake(); // what this one had is free
    this.line.close();
  }
}
