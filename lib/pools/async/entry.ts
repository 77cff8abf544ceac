/** Where an object stands. */
export const IDLE = 0;
export const BORROWED = 1;
/** Being tested or reset: nobody's. */
export const TESTING = 2;
export const ENDING = 3;
export const ENDED = 4;
export const DETACHED = 5;

/** What a pool knows of one object. */
export class Entry<T extends object> {
  readonly object: T;
  /** Fulfilled with the object: what acquire() returns, made once and not for each loan. */
  readonly promise: Promise<T>;
  readonly madeMs: number;
  state: number = TESTING;
  idleSinceMs = 0;
  /** Tells one loan from the next. */
  loans = 0;
  before: Entry<T> | null = null;
  after: Entry<T> | null = null;

  constructor(object: T, madeMs: number) {
    this.object = object;
    this.promise = Promise.resolve(object);
    this.madeMs = madeMs;
  }
}

/** The idle ones, in the order in which they came back. Any of them leaves in O(1). */
export class IdleList<T extends object> {
  /** Idle for the longest time. */
  oldest: Entry<T> | null = null;
  newest: Entry<T> | null = null;
  length = 0;
  /** Where the next eviction run goes on; null for the oldest. */
  cursor: Entry<T> | null = null;

  push(entry: Entry<T>): void {
    const { newest } = this;
    entry.before = newest;
    if (newest === null) this.oldest = entry;
    else newest.after = entry;
    this.newest = entry;
    this.length += 1;
  }

  remove(entry: Entry<T>): void {
    const { before, after } = entry;
    if (this.cursor === entry) this.cursor = after;
    if (before === null) this.oldest = after;
    else before.after = after;
    if (after === null) this.newest = before;
    else after.before = before;
    entry.before = null;
    entry.after = null;
    this.length -= 1;
  }
}
