import { checkNumber, checkOptions, memoryError } from '../../core';
import {
  foreignRelease,
  PoolBase,
  type PoolHooks,
  readHooks,
  readSyncPoolOptions,
  SYNC_POOL_OPTIONS,
  type SyncPoolOptions,
} from '../base';
import { entryOf, GONE, PoolEntry } from '../base/entry';
import { MinMaxHeap } from './min-max-heap';

export interface PriorityPoolOptions<T> extends SyncPoolOptions<T> {
  /** Of objects that nobody gave another: any number. Default 128. */
  readonly defaultPriority?: number;
}

/** Which object is wanted. */
export interface PriorityRequest {
  /** Of that priority or a higher one. Default: any. */
  readonly atLeast?: number;
}

const DEFAULT_PRIORITY = 128;

class PriorityEntry<T extends object> extends PoolEntry<T> {
  place = -1;
  /** Which came back later. */
  turn = 0;
  priority: number;

  constructor(object: T, pool: object, priority: number) {
    super(object, pool);
    this.priority = priority;
  }
}

type Entry = { readonly priority: number; readonly turn: number };

function isLower(a: Entry, b: Entry): boolean {
  return a.priority < b.priority || (a.priority === b.priority && a.turn < b.turn);
}

function readPriority(name: string, value: unknown): number {
  return checkNumber(name, value, -Number.MAX_VALUE, Number.MAX_VALUE);
}

/**
 * A pool that lends its best object first. Among equals, the one that came back last counts as the better one: it is lent
 * first and ended last. Both ends cost O(log n). An object keeps its priority until somebody gives it another. With
 * `maxIdle`, one that comes back takes the place of the lowest if it is better, and is ended if not. Belongs to one thread.
 *
 * The rest is as in {@link ObjectPool}.
 */
export class PriorityPool<T extends object> extends PoolBase<T, PriorityEntry<T>> {
  private readonly heap = new MinMaxHeap<PriorityEntry<T>>(isLower);
  private readonly defaultPriority: number;
  private turns = 0;

  /**
   * @param hooks what makes, resets, tests and ends objects; or the function that makes them
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and what `create` throws for the first ones
   */
  constructor(hooks: PoolHooks<T> | (() => T), options?: PriorityPoolOptions<T>) {
    const where = 'PriorityPool';
    const own = readHooks(where, hooks);
    const given = checkOptions<PriorityPoolOptions<T>>(where, options, [...SYNC_POOL_OPTIONS, 'defaultPriority']);
    super(readSyncPoolOptions(where, given, { name: 'priority-pool', validates: own.validate !== undefined }), own);
    const { defaultPriority = DEFAULT_PRIORITY } = given;
    this.defaultPriority = readPriority(`${where}: defaultPriority`, defaultPriority);
    this.warm();
  }

  get idle(): number {
    return this.heap.size;
  }

  /** Of the idle ones; undefined where none is. */
  get highestPriority(): number | undefined {
    return this.heap.highest?.priority;
  }

  /** Of the idle ones; undefined where none is. */
  get lowestPriority(): number | undefined {
    return this.heap.lowest?.priority;
  }

  /**
   * The best idle object, or a new one. With `atLeast`, no idle one below it, and a new one only if the default priority
   * is high enough.
   *
   * @throws ERR_MEMORY_POOL_EXHAUSTED at the bound, or where nothing of that priority is to be had; as any acquire()
   */
  override acquire(request?: PriorityRequest): T {
    return request === undefined ? super.acquire() : this.need(request, 'acquire');
  }

  /** As acquire(), but undefined at the bound or where nothing of that priority is to be had. */
  override tryAcquire(request?: PriorityRequest): T | undefined {
    return request === undefined ? super.tryAcquire() : this.serveAtLeast(this.atLeast(request), 'tryAcquire');
  }

  /** The lowest idle object, among equals the one that was idle longest; or a new one. @throws as acquire() */
  acquireLowest(): T {
    const entry = this.serve('acquireLowest', () => this.take(this.heap.lowest));
    if (entry === undefined) throw this.refuse('acquireLowest');
    return entry.object;
  }

  /**
   * Takes an object back.
   *
   * @param priority from now on. Default: what it had
   * @throws ERR_MEMORY_DOUBLE_FREE, ERR_MEMORY_FOREIGN_FREE, ERR_MEMORY_INVALID_ARGUMENT
   */
  override release(object: T, priority?: number): void {
    if (priority === undefined) return void super.release(object);
    const wanted = readPriority(`${this.name}.release: priority`, priority);
    const entry = this.borrowedEntry(object, 'release');
    const former = entry.priority;
    entry.priority = wanted;
    const { releases } = this;
    try {
      this.takeBack(entry, 'release');
    } finally {
      if (this.releases === releases) entry.priority = former; // refused
    }
  }

  /** The priority of one of this pool's objects. @throws ERR_MEMORY_FOREIGN_FREE */
  priorityOf(object: T): number {
    return this.ownEntry(object, 'priorityOf').priority;
  }

  /** Gives one of this pool's objects, idle or lent, another priority. @throws ERR_MEMORY_FOREIGN_FREE */
  setPriority(object: T, priority: number): void {
    const wanted = readPriority(`${this.name}.setPriority: priority`, priority);
    const entry = this.ownEntry(object, 'setPriority');
    const isIdle = this.heap.has(entry);
    if (isIdle) this.heap.remove(entry);
    entry.priority = wanted;
    if (isIdle) this.heap.push(entry);
  }

  protected entryFor(object: T): PriorityEntry<T> {
    return new PriorityEntry(object, this, this.defaultPriority);
  }

  protected takeIdle(): PriorityEntry<T> | undefined {
    return this.take(this.heap.highest);
  }

  protected takeSpares(count: number): PriorityEntry<T>[] {
    return Array.from({ length: count }, () => this.take(this.heap.lowest)!);
  }

  protected putIdle(entry: PriorityEntry<T>): void {
    this.turns += 1;
    entry.turn = this.turns;
    this.heap.push(entry);
  }

  protected override unwanted(entry: PriorityEntry<T>): boolean {
    if (!super.unwanted(entry)) return false;
    const { lowest } = this.heap;
    return lowest === undefined || entry.priority <= lowest.priority;
  }

  protected override takeBack(entry: PriorityEntry<T>, method: string): void {
    super.takeBack(entry, method);
    if (this.idle > this.settings.maxIdle) this.endSpares(this.idle - this.settings.maxIdle, method);
  }

  private take(entry: PriorityEntry<T> | undefined): PriorityEntry<T> | undefined {
    if (entry !== undefined) this.heap.remove(entry);
    return entry;
  }

  private atLeast(request: PriorityRequest): number {
    const { atLeast } = checkOptions<PriorityRequest>(`${this.name}: request`, request, ['atLeast']);
    return atLeast === undefined ? Number.NEGATIVE_INFINITY : readPriority(`${this.name}: atLeast`, atLeast);
  }

  private need(request: PriorityRequest, method: string): T {
    const atLeast = this.atLeast(request);
    const object = this.serveAtLeast(atLeast, method);
    if (object !== undefined) return object;
    if (atLeast <= this.defaultPriority) throw this.refuse(method);
    throw memoryError('ERR_MEMORY_POOL_EXHAUSTED', `${this.name}.${method}: no idle object has priority ${atLeast}`, {
      source: this.name,
      hint: `New objects begin with priority ${this.defaultPriority}; ask for less, or raise those that come back.`,
    });
  }

  private serveAtLeast(atLeast: number, method: string): T | undefined {
    const pick = () => {
      const { highest } = this.heap;
      return highest === undefined || highest.priority < atLeast ? undefined : this.take(highest);
    };
    return this.serve(method, pick, atLeast <= this.defaultPriority)?.object;
  }

  /** One of this pool's objects, in whatever state but gone. */
  private ownEntry(object: T, method: string): PriorityEntry<T> {
    const entry = entryOf(object);
    if (entry === undefined || entry.pool !== this || entry.state === GONE) {
      throw foreignRelease(this.name, method, 'this object');
    }
    return entry as PriorityEntry<T>;
  }
}
