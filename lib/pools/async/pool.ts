import {
  checkFunction,
  checkOneOf,
  checkOptions,
  INSPECT,
  parseWait,
  WAIT_KEYS,
  type WaitOptions,
  type WaitRequest,
} from '../../core';
import { abortedWait, reentrant, shown } from '../base';
import type { AsyncPoolStats } from './books';
import { AsyncPoolCore } from './core';
import { BORROWED, DETACHED, type Entry, IDLE, TESTING } from './entry';
import { crowded, notServing } from './errors';
import { type AsyncPoolOptions, checkSettings } from './options';

export interface UseOptions extends WaitOptions {
  /** What becomes of the object when `fn` fails. Default 'destroy': nobody knows what state it is in. */
  readonly onFailure?: 'destroy' | 'release';
}

/** How a call waits for a state of the whole pool. */
export type PoolWaitOptions = Omit<WaitOptions, 'priority'>;

/**
 * Connections and other objects that are expensive to make: made when they are needed, lent to one at a time, tested,
 * kept while they are good and ended when they are not. Never more than `max` are there, those being made, tested and
 * ended included, whatever hooks do. Belongs to one thread.
 *
 * Who acquires an object gives it back, once, by release(), destroy() or detach(); use() does so by itself. A second
 * release() is noticed unless somebody else got the object in between.
 *
 * Timers of the pool keep no process alive, except the deadline of a call that waits.
 */
export class AsyncPool<T extends object> extends AsyncPoolCore<T> implements AsyncDisposable {
  private readonly plain: boolean;
  private readonly usualWait: WaitRequest;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(options: AsyncPoolOptions<T>) {
    super(checkSettings('AsyncPool', options));
    const { hooks, testOnBorrow, testOnReturn, min, autostart } = this.settings;
    this.plain = hooks.reset === undefined && !testOnBorrow && !testOnReturn && !this.evictor.limited;
    this.usualWait = { priority: 50, deadlineMs: this.settings.acquireTimeoutMs, signal: undefined };
    if (min === 0) this.start();
    // Not before who made the pool has it in hand and listens.
    else if (autostart) queueMicrotask(() => this.start());
  }

  /** Begins to make the `min` objects. Does nothing the second time. */
  start(): void {
    if (this.phase !== 'new') return;
    this.phase = 'open';
    this.quick = this.plain;
    this.serve();
  }

  /**
   * Starts, and waits until `min` objects are there.
   *
   * @throws ERR_MEMORY_TIMEOUT, ERR_MEMORY_ABORTED, ERR_MEMORY_CLOSED, and what `create` fails with meanwhile unless
   *   `propagateCreateError` is false
   */
  async ready(options?: PoolWaitOptions): Promise<void> {
    const wait = this.parsePoolWait('ready', options);
    this.needOpen('ready');
    const reached = (): boolean => this.idle + this.lent + this.testing >= this.settings.min;
    const waits = this.milestones.until('ready', reached, wait);
    if (wait.signal?.aborted !== true) this.start();
    await waits;
  }

  /**
   * An object: one that is free, or a new one, or the next that comes back. Those who wait are served by priority, then
   * as they came.
   *
   * @throws ERR_MEMORY_TIMEOUT (its `cause` is why none could be made, where that failed last), ERR_MEMORY_ABORTED,
   *   ERR_MEMORY_CLOSED, also when the pool closes meanwhile, ERR_MEMORY_POOL_EXHAUSTED when as many wait as may, and
   *   what `create` fails with, unless `propagateCreateError` is false
   */
  acquire(options?: WaitOptions): Promise<T> {
    const asUsual = options === undefined && this.heard === 0 && this.phase === 'open' && this.requests.waiting === 0;
    if (asUsual) {
      const entry = this.quick ? this.popFree() : this.takeFree();
      if (entry !== null) {
        this.lend(entry);
        return entry.promise;
      }
    }
    return this.request(options, asUsual);
  }

  /** @param looked whether there is nothing free, as is known already */
  private request(options: WaitOptions | undefined, looked: boolean): Promise<T> {
    let wait = this.usualWait;
    try {
      if (options !== undefined) {
        const given = checkOptions('AsyncPool.acquire', options, WAIT_KEYS);
        const deadlineMs = given.deadlineMs === undefined ? this.settings.acquireTimeoutMs : given.deadlineMs;
        wait = parseWait('AsyncPool.acquire', { ...given, deadlineMs });
      }
    } catch (error) {
      return Promise.reject(error);
    }
    const id = this.nextId();
    this.tell('acquireRequest', { id });
    try {
      return this.requestChecked(wait, id, looked);
    } catch (error) {
      this.refused(id, error);
      return Promise.reject(error);
    }
  }

  private requestChecked(wait: WaitRequest, id: number, looked: boolean): Promise<T> {
    this.needWanted(wait);
    this.start();
    const { requests, settings } = this;
    // Of those who wait some may count on an object that is under test for them.
    const crowd = requests.waiting - this.candidates;
    if (crowd >= settings.maxWaiting && this.free.length === 0 && (this.spare === 0 || this.maker.holding)) {
      throw crowded(requests.waiting, settings.max, this.lent);
    }
    const entry = looked || requests.waiting > 0 ? null : this.takeFree();
    if (entry !== null) {
      this.lend(entry);
      if (this.heard > 0) this.tell('acquireSuccess', { id, object: entry.object });
      return entry.promise;
    }
    this.needWanted(wait); // hooks and listeners ran: they may have closed the pool, or aborted the signal
    const promise = requests.add(wait, id);
    try {
      this.serve();
    } catch {
      queueMicrotask(() => this.serveAgain()); // on a stack of its own
    }
    return promise;
  }

  /**
   * An object that is free now, or undefined: makes none, waits for no test, and overtakes nobody.
   *
   * @throws ERR_MEMORY_CLOSED
   */
  tryAcquire(): T | undefined {
    this.needOpen('tryAcquire');
    const entry = this.requests.waiting === 0 ? this.takeFree() : null;
    if (entry === null) {
      this.refusals += 1;
      return undefined;
    }
    this.lend(entry);
    if (this.heard > 0) this.tell('acquireSuccess', { id: this.nextId(), object: entry.object });
    return entry.object;
  }

  /**
   * Takes an object back.
   *
   * @returns a promise where a hook takes its time: fulfilled when the object is idle, lent again or ended; it never
   *   rejects and need not be awaited
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_INVALID_STATE 200 hooks deep
   */
  release(object: T): Promise<void> | undefined {
    const entry = this.entries.get(object);
    if (entry === undefined || entry.state !== BORROWED) throw this.notLent('release', entry);
    if (!this.quick && this.isDeep) throw reentrant('AsyncPool', 'release', 'hook of a hook');
    this.releases += 1;
    this.lent -= 1;
    if (this.quick && this.heard === 0) {
      const request = this.requests.waiting === 0 ? undefined : this.requests.next();
      if (request === undefined) {
        entry.state = IDLE;
        this.free.push(entry);
      } else {
        this.lend(entry);
        request.resolve(object);
      }
      return undefined;
    }
    entry.state = TESTING;
    this.testing += 1;
    this.tell('release', { object });
    return this.comeBack(entry);
  }

  /** Ends a borrowed object that is broken; its place is free when it has ended. Returns and throws as release(). */
  destroy(object: T): Promise<void> | undefined {
    const entry = this.borrowedEntry('destroy', object);
    if (this.isDeep) throw reentrant('AsyncPool', 'destroy', 'hook of a hook');
    this.lent -= 1;
    return this.end(entry);
  }

  /** Lets a borrowed object leave the pool for good; its place is free. @throws as release() */
  detach(object: T): T {
    const entry = this.borrowedEntry('detach', object);
    this.lent -= 1;
    this.detached += 1;
    entry.state = DETACHED;
    this.serve();
    return object;
  }

  /** True while the object is lent out. */
  isBorrowed(object: unknown): boolean {
    return this.entries.get(object as object)?.state === BORROWED;
  }

  /**
   * Acquires an object, runs `fn` with it and gives it back; ends it where `fn` fails, see {@link UseOptions}. `fn` may
   * itself release, destroy or detach it.
   *
   * @throws as acquire(), and what `fn` throws
   */
  async use<R>(fn: (object: T) => R | PromiseLike<R>, options?: UseOptions): Promise<R> {
    const where = 'AsyncPool.use';
    checkFunction(`${where}: fn`, fn);
    const { onFailure = 'destroy', ...wait } = checkOptions(where, options, [...WAIT_KEYS, 'onFailure']);
    checkOneOf(`${where}: onFailure`, onFailure, ['destroy', 'release']);
    const object = await this.acquire(options === undefined ? undefined : wait);
    const entry = this.entries.get(object);
    const loan = entry?.loans;
    const isOurs = (): boolean => entry !== undefined && entry.state === BORROWED && entry.loans === loan;
    let result: R;
    try {
      result = await fn(object);
    } catch (error) {
      if (isOurs()) this[onFailure](object);
      throw error;
    }
    if (isOurs()) this.release(object);
    return result;
  }

  /** Ends all objects that are idle now; resolves to their number when they have ended. The `min` objects are made anew. */
  async clear(): Promise<number> {
    const entries = this.markIdle();
    await Promise.all(entries.map((entry) => this.endMarked(entry)));
    return entries.length;
  }

  private markIdle(): Entry<T>[] {
    const entries: Entry<T>[] = [];
    for (let entry = this.free.oldest; entry !== null; entry = this.free.oldest) {
      this.free.remove(entry);
      this.mark(entry);
      entries.push(entry);
    }
    return entries;
  }

  /**
   * Takes no new requests, and resolves when those who wait were served and every object came back. What is idle then
   * stays until clear() or close().
   *
   * @throws ERR_MEMORY_TIMEOUT and ERR_MEMORY_ABORTED: it goes on draining all the same
   */
  async drain(options?: PoolWaitOptions): Promise<void> {
    const wait = this.parsePoolWait('drain', options);
    if (this.phase !== 'closed') this.phase = 'draining';
    this.quick = false;
    this.milestones.fail('ready', notServing('ready', true));
    const { requests, maker } = this;
    const reached = (): boolean => requests.waiting + this.lent + this.testing + maker.creating === 0;
    await this.milestones.until('drain', reached, wait);
  }

  /**
   * Refuses those who wait, aborts the making of objects, ends the idle ones, and each borrowed one when it comes back.
   * Resolves when all have ended, also the second time.
   *
   * @throws ERR_MEMORY_TIMEOUT and ERR_MEMORY_ABORTED: it goes on closing all the same
   */
  async close(options?: PoolWaitOptions): Promise<void> {
    const wait = this.parsePoolWait('close', options);
    if (this.phase !== 'closed') {
      this.phase = 'closed';
      this.quick = false;
      this.endAll();
    }
    await this.milestones.until('close', () => this.over, wait);
  }

  /** Its class and its stats: what JSON.stringify prints. */
  toJSON(): { readonly type: string } & AsyncPoolStats {
    return { type: this.constructor.name, ...this.stats() };
  }

  [INSPECT](): string {
    return shown(this, this.stats(), this.closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private endAll(): void {
    const entries = this.markIdle();
    this.evictor.stop();
    this.tell('closeRequest');
    while (this.requests.waiting > 0) this.requests.refuseFirst(notServing('acquire', false));
    this.milestones.fail('ready', notServing('ready', false));
    this.maker.close(notServing('create', false));
    for (const entry of entries) this.endMarked(entry);
    this.serve();
  }

  private parsePoolWait(method: string, options: PoolWaitOptions | undefined): WaitRequest {
    return parseWait(`AsyncPool.${method}`, checkOptions(`AsyncPool.${method}`, options, ['deadlineMs', 'signal']));
  }

  private borrowedEntry(method: string, object: T): Entry<T> {
    const entry = this.entries.get(object);
    if (entry === undefined || entry.state !== BORROWED) throw this.notLent(method, entry);
    return entry;
  }

  private serveAgain(): void {
    try {
      this.serve();
    } catch (error) {
      this.fail('serve', error); // timers that always fail: whoever waits goes on waiting
    }
  }

  private needWanted({ signal }: WaitRequest): void {
    this.needOpen('acquire');
    if (signal?.aborted) throw abortedWait('AsyncPool', 'acquire', signal.reason);
  }

  private needOpen(method: string): void {
    if (this.phase === 'closed' || this.phase === 'draining') throw notServing(method, this.phase === 'draining');
  }
}
