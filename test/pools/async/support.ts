import { AsyncPool, type AsyncPoolOptions } from '../../../lib/pools/async';
import { FakeTime } from '../../support/fake-time';

export { codeOf } from '../../platform/region/support';
export { AsyncPool, FakeTime };

export interface Item {
  readonly id: number;
  disposed: number;
}

/** Lets everything run that waits for promises alone. */
export const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What became of a promise so far. */
export interface Outcome<T> {
  value?: T;
  error?: unknown;
  code?: string;
  done: boolean;
}

export function watch<T>(promise: Promise<T> | undefined): Outcome<T> {
  const outcome: Outcome<T> = { done: promise === undefined };
  promise?.then(
    (value) => Object.assign(outcome, { value, done: true }),
    (error) => Object.assign(outcome, { error, code: (error as { code?: string }).code, done: true }),
  );
  return outcome;
}

/** A promise with its ends in hand. */
export function deferred<T = void>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Makes items, remembers them, and counts how often each was ended. */
export class Works {
  readonly made: Item[] = [];
  mostAlive = 0;

  make(): Item {
    const item = { id: this.made.length, disposed: 0 };
    this.made.push(item);
    this.mostAlive = Math.max(this.mostAlive, this.alive);
    return item;
  }

  end(item: Item): void {
    item.disposed += 1;
  }

  get alive(): number {
    return this.made.filter(({ disposed }) => disposed === 0).length;
  }
}

export interface Setup {
  readonly pool: AsyncPool<Item>;
  readonly works: Works;
  readonly time: FakeTime;
}

/** A pool over Works and FakeTime, max 2; whatever hooks are not given are plain ones. */
export function setup(options: Partial<AsyncPoolOptions<Item>> = {}): Setup {
  const works = new Works();
  const time = new FakeTime();
  const pool = new AsyncPool<Item>({
    create: () => works.make(),
    dispose: (item) => works.end(item),
    max: 2,
    clock: time,
    timers: time,
    ...options,
  });
  return { pool, works, time };
}

/** The books add up, and nothing is beyond the bound. */
export function expectExact(pool: AsyncPool<Item>): void {
  const stats = pool.stats();
  const { idle, borrowed, creating, testing, ending, size, maxSize } = stats;
  expect(size).toBe(idle + borrowed + creating + testing + ending);
  expect(size).toBeLessThanOrEqual(maxSize ?? 0);
  expect(stats.peakSize).toBeLessThanOrEqual(maxSize ?? 0);
  expect(Math.min(idle, borrowed, creating, testing, ending, stats.waiting)).toBeGreaterThanOrEqual(0);
  expect(stats.hits + stats.misses).toBe(stats.acquires);
}
