import type { MemoryError } from '../../core';
import { doubleRelease, foreignRelease, type PoolStats } from '../base';
import { DETACHED, ENDED, type Entry, IdleList } from './entry';
import { madeTwice, notAnObject } from './errors';
import { Listeners } from './events';
import type { Maker } from './maker';
import type { Settings } from './options';
import type { Requests } from './requests';

/** Counters of an AsyncPool since its construction. */
export interface AsyncPoolStats extends PoolStats {
  readonly minSize: number;
  /** Objects that are being made, tested or reset, and ended, now. */
  readonly creating: number;
  readonly testing: number;
  readonly ending: number;
  /** Failures of `create`, `dispose`, of `validate` or `reset`, and of listeners. */
  readonly createFailures: number;
  readonly disposeFailures: number;
  readonly hookFailures: number;
  readonly listenerFailures: number;
}

/** New: has not begun to make objects. Draining: serves who waits and nobody else. */
export type AsyncPoolState = 'new' | 'open' | 'draining' | 'closed';

/** What an AsyncPool counts and knows of its objects. */
export abstract class AsyncPoolBooks<T extends object> extends Listeners<T> {
  protected readonly settings: Settings<T>;
  protected readonly entries = new WeakMap<object, Entry<T>>();
  protected readonly free = new IdleList<T>();
  protected abstract readonly requests: Requests<T>;
  protected abstract readonly maker: Maker<T>;
  protected phase: AsyncPoolState = 'new';
  protected lent = 0;
  protected testing = 0;
  protected ending = 0;
  protected acquires = 0;
  protected releases = 0;
  protected refusals = 0;
  protected detached = 0;
  protected misses = 0;
  protected creates = 0;
  protected disposals = 0;
  protected invalid = 0;
  protected expired = 0;
  protected peakLent = 0;
  protected peakSize = 0;
  protected createFailures = 0;
  protected disposeFailures = 0;
  protected hookFailures = 0;
  private ids = 0;

  constructor(settings: Settings<T>) {
    super();
    this.settings = settings;
  }

  get name(): string {
    return this.settings.name;
  }

  /** Objects that are free. */
  get idle(): number {
    return this.free.length;
  }

  /** Objects that are lent out. */
  get borrowed(): number {
    return this.lent;
  }

  /** All that count against the bound: idle, borrowed, and being made, tested or ended. */
  get size(): number {
    return this.free.length + this.lent + this.testing + this.maker.creating + this.ending;
  }

  get maxSize(): number {
    return this.settings.max;
  }

  get minSize(): number {
    return this.settings.min;
  }

  /** How many more objects the bound allows. */
  get spare(): number {
    return this.settings.max - this.size;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.requests.waiting;
  }

  /** Whether close() was called; objects may still be out. */
  get closed(): boolean {
    return this.phase === 'closed';
  }

  get state(): AsyncPoolState {
    return this.phase;
  }

  /** Costs the same however large the pool is. */
  stats(): AsyncPoolStats {
    const { name, idle, borrowed, size, maxSize, minSize, waiting, testing, ending } = this;
    const { acquires, releases, misses, refusals, creates, disposals, detached, invalid, expired } = this;
    const { createFailures, disposeFailures, hookFailures, listenerFailures, peakSize } = this;
    return Object.freeze({
      ...{ name, idle, borrowed, size, maxSize, minSize, waiting, testing, ending, creating: this.maker.creating },
      ...{ acquires, releases, misses, refusals, creates, disposals, detached, invalid, expired },
      ...{ createFailures, disposeFailures, hookFailures, listenerFailures, peakSize },
      hits: acquires - misses,
      peakBorrowed: this.peakLent,
    });
  }

  protected describe(): string {
    const { lent, testing, ending, maker, requests } = this;
    const inHand = `${lent} lent, ${maker.creating} being made, ${testing} being tested, ${ending} being ended`;
    return `${this.free.length} idle, ${inHand}, ${requests.waiting} requests wait`;
  }

  protected nextId(): number {
    this.ids += 1;
    return this.ids;
  }

  protected notLent(method: string, entry: Entry<T> | undefined): MemoryError {
    return entry === undefined || entry.state === DETACHED
      ? foreignRelease('AsyncPool', method, 'this object')
      : doubleRelease('AsyncPool', method);
  }

  protected objection(object: unknown): MemoryError | null {
    if ((typeof object !== 'object' || object === null) && typeof object !== 'function') return notAnObject(object);
    const known = this.entries.get(object);
    return known === undefined || known.state === ENDED || known.state === DETACHED ? null : madeTwice();
  }

  protected fail(where: string, error: unknown): void {
    this.hookFailures += 1;
    this.tell('failure', { where, error });
  }
}
