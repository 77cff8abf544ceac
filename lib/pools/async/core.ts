import { isThenable } from '../../core';
import { awaitAnswer } from './attempt';
import { AsyncPoolBooks } from './books';
import { BORROWED, ENDED, ENDING, Entry, IDLE, TESTING } from './entry';
import { notServing, noVerdict, overdue, waitedInVain } from './errors';
import { Evictor } from './evictor';
import { Maker } from './maker';
import { Milestones } from './milestones';
import type { Settings } from './options';
import { type Request, Requests } from './requests';

/** Hooks that call the pool, whose hooks call the pool, and so on: so deep and no deeper. */
const DEEPEST = 200;

/**
 * How objects move in an AsyncPool. Every step first books what it does and then calls hooks or
 * listeners, which may call the pool in turn: what they find is exact.
 */
export abstract class AsyncPoolCore<T extends object> extends AsyncPoolBooks<T> {
  protected readonly requests: Requests<T>;
  protected readonly maker: Maker<T>;
  protected readonly evictor: Evictor<T>;
  protected readonly milestones: Milestones;
  /** Open, and an object may go from hand to hand without a test, a reset or a look at the time. */
  protected quick = false;
  protected over = false;
  /** Of those in testing: idle ones that go to the first who waits if they are good. */
  protected candidates = 0;
  private serving = false;
  private hookDepth = 0;
  private again = false;

  constructor(settings: Settings<T>) {
    super(settings);
    const { timers } = settings;
    this.milestones = new Milestones(timers, () => this.describe());
    this.requests = new Requests<T>(timers, {
      timedOut: (deadlineMs) => waitedInVain(deadlineMs, this.requests.waiting - 1, this.maker.lastError),
      refused: (id, error) => this.refused(id, error),
    });
    this.maker = new Maker<T>(settings, {
      nextId: () => this.nextId(),
      refusal: () => (this.phase === 'closed' ? notServing('create', false) : null),
      asked: (id) => {
        this.peakSize = Math.max(this.peakSize, this.size);
        this.tell('createRequest', { id });
      },
      objection: (object) => this.objection(object),
      made: (object, id) => this.made(object, id),
      failed: (error, id) => this.makeFailed(error, id),
      late: (object) => this.endLate(object),
      resume: () => this.serve(),
    });
    this.evictor = new Evictor<T>(settings, this.free, {
      evict: (entry) => {
        this.free.remove(entry);
        this.expire(entry);
      },
      running: (running) => this.tell(running ? 'evictionStart' : 'evictionStop'),
    });
  }

  protected lend(entry: Entry<T>): void {
    entry.state = BORROWED;
    entry.loans += 1;
    this.acquires += 1;
    this.lent += 1;
    if (this.lent > this.peakLent) this.peakLent = this.lent;
  }

  private grant(request: Request<T>, entry: Entry<T>): void {
    this.lend(entry);
    request.resolve(entry.object);
    if (this.heard > 0) this.tell('acquireSuccess', { id: request.id, object: entry.object });
  }

  /** A request came to nothing. */
  protected refused(id: number, error: unknown): void {
    this.refusals += 1;
    this.tell('acquireFail', { id, error });
    this.serve();
  }

  protected popFree(): Entry<T> | null {
    const entry = this.settings.lifo ? this.free.newest : this.free.oldest;
    if (entry !== null) this.free.remove(entry);
    return entry;
  }

  /** Within hooks of hooks of hooks: no further ones may be called from here. */
  protected get isDeep(): boolean {
    return this.hookDepth >= DEEPEST;
  }

  /** Asks a hook, if it was given. */
  private ask(hook: 'reset' | 'validate' | 'dispose', object: T): unknown {
    this.hookDepth += 1;
    try {
      return this.settings.hooks[hook]?.(object);
    } finally {
      this.hookDepth -= 1;
    }
  }

  /** An idle object that may be lent at once; null where there is none, or its test takes time. */
  protected takeFree(): Entry<T> | null {
    if (this.isDeep) return null;
    for (;;) {
      const entry = this.popFree();
      if (entry === null) return null;
      if (this.evictor.limited && this.evictor.isExpired(entry, this.evictor.nowMs())) {
        this.expire(entry);
        continue;
      }
      if (!this.settings.testOnBorrow) return entry;
      const fit = this.tested(entry);
      if (fit !== false) return fit ? entry : null;
    }
  }

  /** Whether an entry may be lent; null where that will be known later: then it goes to the first who waits. */
  private tested(entry: Entry<T>): boolean | null {
    entry.state = TESTING;
    this.testing += 1;
    const fit = this.test(entry, (later) => {
      this.testing -= 1;
      this.candidates -= 1;
      if (later) this.place(entry, true);
      else this.end(entry);
      this.serve();
    });
    if (fit === null) {
      this.candidates += 1;
      return null;
    }
    this.testing -= 1;
    if (fit && this.phase !== 'closed') return true;
    this.end(entry);
    return false;
  }

  /** Whether the object is good; null where `later` will be told. */
  private test(entry: Entry<T>, later: (fit: boolean) => void): boolean | null {
    let answer: unknown;
    let waits: boolean;
    try {
      answer = this.ask('validate', entry.object);
      if (answer === true) return true;
      waits = isThenable(answer);
    } catch (error) {
      return this.unfit(entry, error);
    }
    if (!waits) return this.judge(entry, answer);
    const { timers, validateTimeoutMs: timeoutMs } = this.settings;
    awaitAnswer(answer as PromiseLike<unknown>, {
      timers,
      timeoutMs,
      succeeded: (value) => later(this.judge(entry, value)),
      failed: (error) => later(this.unfit(entry, error)),
      overdue: () => overdue('validate', timeoutMs),
    });
    return null;
  }

  private judge(entry: Entry<T>, answer: unknown): boolean {
    if (answer === true) return true;
    return this.unfit(entry, answer === false ? null : noVerdict(answer));
  }

  /** @param error what the test failed with; null where it said no */
  private unfit(entry: Entry<T>, error: unknown): false {
    this.invalid += 1;
    if (error !== null) this.fail('validate', error);
    this.tell('invalid', { object: entry.object });
    return false;
  }

  /** An object that nobody has: to the first who waits if it is fit for that now, or to the idle ones. */
  private place(entry: Entry<T>, fit: boolean, isNew: boolean = false, nowMs: number = this.evictor.nowMs()): void {
    if (this.phase === 'closed') {
      this.end(entry);
      return;
    }
    const request = fit ? this.requests.next() : undefined;
    if (request !== undefined) {
      if (isNew) this.misses += 1;
      this.grant(request, entry);
      return;
    }
    entry.state = IDLE;
    entry.idleSinceMs = nowMs;
    this.free.push(entry);
    this.evictor.wake();
  }

  /** Gives what is idle to those who wait, and has made what is missing. */
  protected serve(): void {
    if (this.serving) {
      this.again = true;
      return;
    }
    this.serving = true;
    // Hooks that undo each step as it is made could go on for ever: after so many steps the rest comes a while later.
    let left = 2 * (this.settings.max + this.requests.waiting);
    try {
      do {
        this.again = false;
        for (; left > 0 && this.couldLend(); left -= 1) {
          const entry = this.takeFree();
          if (entry !== null) this.place(entry, true);
        }
        for (; left > 0 && this.lacks(); left -= 1) this.maker.make();
      } while (this.again && left > 0);
    } finally {
      this.serving = false; // a full stack or failing timers end this call, and not the pool
    }
    if (left === 0 && this.phase !== 'closed') this.maker.pause(true);
    this.reach();
  }

  private couldLend(): boolean {
    return this.free.length > 0 && this.requests.waiting > this.candidates && !this.isDeep;
  }

  private lacks(): boolean {
    if (this.phase === 'closed' || this.size >= this.settings.max) return false;
    const { creating, holding, pausing } = this.maker;
    if (!holding && this.requests.waiting > creating + this.testing) return true;
    return this.phase === 'open' && !pausing && this.size < this.settings.min;
  }

  /** Tells those who wait for a state of the pool. */
  private reach(): void {
    const isEmpty = this.size === 0 && this.requests.waiting === 0; // those who wait are refused, and told of, first
    if (this.phase === 'closed' && !this.over && isEmpty) {
      this.over = true;
      this.tell('closeSuccess');
      this.removeAllListeners();
    }
    this.milestones.check();
  }

  private made(object: T, id: number): void {
    const nowMs = this.evictor.nowMs();
    const entry = new Entry(object, nowMs);
    this.entries.set(object, entry);
    this.creates += 1;
    this.testing += 1;
    this.tell('createSuccess', { id, object });
    this.testing -= 1;
    this.place(entry, true, true, nowMs);
    this.serve();
  }

  private makeFailed(error: unknown, id: number): void {
    const { propagateCreateError, min } = this.settings;
    this.createFailures += 1;
    const ends = this.phase === 'closed';
    if (!ends && (!propagateCreateError || min > 0)) this.maker.pause(!propagateCreateError);
    this.tell('createFail', { id, error });
    this.tell('factoryCreateError', error);
    if (propagateCreateError) {
      if (this.requests.waiting > this.maker.creating + this.candidates) this.requests.refuseFirst(error);
      this.milestones.fail('ready', error);
    }
    this.serve();
  }

  /** Ends what was made after its time was over; its place is somebody else's by now. */
  private endLate(object: T): void {
    const entry = new Entry(object, 0);
    entry.state = ENDING;
    this.entries.set(object, entry);
    this.creates += 1;
    void this.dispose(entry, false);
  }

  private expire(entry: Entry<T>): void {
    this.expired += 1;
    this.end(entry);
  }

  /** Ends an entry that is nowhere counted. The promise, where it takes time, never rejects. */
  protected end(entry: Entry<T>): Promise<void> | undefined {
    this.mark(entry);
    return this.endMarked(entry);
  }

  protected mark(entry: Entry<T>): void {
    entry.state = ENDING;
    this.ending += 1;
  }

  protected endMarked(entry: Entry<T>): Promise<void> | undefined {
    return this.dispose(entry, true);
  }

  private dispose(entry: Entry<T>, counted: boolean): Promise<void> | undefined {
    const { object } = entry;
    const { timers, destroyTimeoutMs: timeoutMs } = this.settings;
    const id = this.nextId();
    const succeeded = (): void => {
      this.ended(entry, counted);
      this.tell('destroySuccess', { id, object });
      this.serve();
    };
    const failed = (error: unknown): void => {
      this.disposeFailures += 1;
      this.ended(entry, counted);
      this.tell('destroyFail', { id, object, error });
      this.tell('factoryDestroyError', error);
      this.serve();
    };
    let answer: unknown;
    let waits: boolean;
    this.tell('destroyRequest', { id, object });
    try {
      answer = this.ask('dispose', object);
      waits = isThenable(answer);
    } catch (error) {
      failed(error);
      return undefined;
    }
    if (!waits) {
      succeeded();
      return undefined;
    }
    return new Promise((resolve) => {
      awaitAnswer(answer as PromiseLike<unknown>, {
        timers,
        timeoutMs,
        succeeded: () => resolve(succeeded()),
        failed: (error) => resolve(failed(error)),
        overdue: () => overdue('dispose', timeoutMs),
      });
    });
  }

  private ended(entry: Entry<T>, counted: boolean): void {
    entry.state = ENDED;
    this.disposals += 1;
    if (counted) this.ending -= 1;
  }

  /** One that was lent and is counted as being tested now. The promise, where it takes time, never rejects. */
  protected comeBack(entry: Entry<T>): Promise<void> | undefined {
    const { hooks, timers, validateTimeoutMs: timeoutMs } = this.settings;
    if (hooks.reset === undefined || this.phase === 'closed') return this.retest(entry);
    let answer: unknown;
    let waits: boolean;
    try {
      answer = this.ask('reset', entry.object);
      waits = isThenable(answer);
    } catch (error) {
      return this.unreset(entry, error);
    }
    if (!waits) return this.retest(entry);
    return new Promise((resolve) => {
      awaitAnswer(answer as PromiseLike<unknown>, {
        timers,
        timeoutMs,
        succeeded: () => resolve(this.retest(entry)),
        failed: (error) => resolve(this.unreset(entry, error)),
        overdue: () => overdue('reset', timeoutMs),
      });
    });
  }

  private unreset(entry: Entry<T>, error: unknown): Promise<void> | undefined {
    this.fail('reset', error);
    return this.settleBack(entry, false);
  }

  private retest(entry: Entry<T>): Promise<void> | undefined {
    if (!this.settings.testOnReturn || this.phase === 'closed') return this.settleBack(entry, true);
    let settle: (ended: Promise<void> | undefined) => void = () => {};
    const fit = this.test(entry, (later) => settle(this.settleBack(entry, later)));
    if (fit !== null) return this.settleBack(entry, fit);
    return new Promise((resolve) => {
      settle = resolve;
    });
  }

  private settleBack(entry: Entry<T>, fit: boolean): Promise<void> | undefined {
    this.testing -= 1;
    const nowMs = this.evictor.nowMs();
    let ended: Promise<void> | undefined;
    if (!fit || this.phase === 'closed') ended = this.end(entry);
    else if (this.evictor.isAged(entry, nowMs)) {
      this.expired += 1;
      ended = this.end(entry);
    } else this.place(entry, !this.settings.testOnBorrow, false, nowMs);
    this.serve();
    return ended;
  }
}
