import { doubleRelease, type Pool } from '../base';
import type { BatchBook } from './book';
import { BatchContents } from './contents';
import { throwAll } from './errors';

/**
 * Objects of a pool that are held together: `using batch = batches.acquireExact(8)`. Made by a BatchAllocator. Belongs to
 * one thread. One that is neither released nor emptied keeps its objects from the pool.
 */
export class Batch<T> extends BatchContents<T> implements Disposable {
  /** For BatchAllocator only. */
  constructor(
    objects: T[],
    private readonly pool: Pool<T>,
    private readonly book: BatchBook,
  ) {
    super(objects);
  }

  /**
   * Keeps the first `count` and hands over the others as a batch of their own.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for more than there are, ERR_MEMORY_STALE_HANDLE once released
   */
  splitAt(count: number): Batch<T> {
    const rest = new Batch(this.cutAfter(count), this.pool, this.book);
    this.book.live += 1;
    return rest;
  }

  /**
   * Lets all objects leave the pool for good: their places are free, and they are the caller's. Stops at the first that
   * the pool refuses: that one and those after it stay in the batch.
   *
   * @param into where each goes as soon as it has left, so that none is lost when a later one fails. Default: a new array
   * @throws what `detach` of the pool throws; ERR_MEMORY_INVALID_ARGUMENT; ERR_MEMORY_STALE_HANDLE once released
   */
  detach(into: T[] = []): T[] {
    this.needOpen('detach');
    this.checkInto(into);
    const objects = this.take(); // all: a hook that releases the batch meanwhile finds none
    for (let at = 0; at < objects.length; at += 1) {
      try {
        into.push(this.pool.detach(objects[at] as T));
      } catch (error) {
        this.putBack(objects.slice(at));
        throw error;
      }
    }
    return into;
  }

  private putBack(objects: readonly T[]): void {
    if (!this.released) this.refill(objects);
    else releaseEach(objects, this.pool, this.book, 'Batch.detach');
  }

  /**
   * Gives all objects back, and goes on where the pool refuses one.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE for a batch that was released; what `release` of the pool threw, after the last object:
   *   a single error as it is, several as the causes of one ERR_MEMORY_INVALID_STATE
   */
  release(): void {
    if (this.released) throw doubleRelease('Batch', 'release');
    const objects = this.end();
    this.book.live -= 1;
    releaseEach(objects, this.pool, this.book, 'Batch.release');
  }

  /** For BatchAllocator: whether it is one of those that this book counts. */
  isOf(book: BatchBook): boolean {
    return this.book === book;
  }

  /** Releases unless that was done: for `using`. */
  [Symbol.dispose](): void {
    if (!this.released) this.release();
  }
}

/** Gives all back, whatever single ones throw; one error at the end. */
export function releaseEach<T>(objects: readonly T[], pool: Pool<T>, book: BatchBook, what: string): void {
  const errors: unknown[] = [];
  for (const object of objects) {
    try {
      pool.release(object);
    } catch (error) {
      errors.push(error);
    }
  }
  book.releaseFailures += errors.length;
  throwAll(errors, objects.length, what);
}
