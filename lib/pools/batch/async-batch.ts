import { memoryError } from '../../core';
import { doubleRelease } from '../base';
import type { AsyncPoolLike } from './async-pool-like';
import type { BatchBook } from './book';
import { BatchContents } from './contents';
import { throwAll } from './errors';

/** As Batch, of a pool whose calls answer later: `await using batch = await batches.acquireExact(8)`. */
export class AsyncBatch<T> extends BatchContents<T> implements AsyncDisposable {
  /** For AsyncBatchAllocator only. */
  constructor(
    objects: T[],
    private readonly pool: AsyncPoolLike<T>,
    private readonly book: BatchBook,
  ) {
    super(objects);
  }

  /**
   * Keeps the first `count` and hands over the others as a batch of their own.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for more than there are, ERR_MEMORY_STALE_HANDLE once released
   */
  splitAt(count: number): AsyncBatch<T> {
    const rest = new AsyncBatch(this.cutAfter(count), this.pool, this.book);
    this.book.live += 1;
    return rest;
  }

  /**
   * Lets all objects leave the pool for good: their places are free, and they are the caller's. Stops at the first that
   * the pool refuses: that one and those after it stay in the batch.
   *
   * @param into where each goes as soon as it has left, so that none is lost when a later one fails. Default: a new array
   * @throws ERR_MEMORY_UNSUPPORTED for a pool without detach(), what that throws, ERR_MEMORY_STALE_HANDLE once released
   */
  async detach(into: T[] = []): Promise<T[]> {
    this.needOpen('detach');
    this.checkInto(into);
    const { pool } = this;
    if (typeof pool.detach !== 'function') {
      throw memoryError('ERR_MEMORY_UNSUPPORTED', `AsyncBatch.detach: the pool '${pool.name}' has no detach()`);
    }
    const objects = this.take();
    for (let at = 0; at < objects.length; at += 1) {
      try {
        into.push(await pool.detach(objects[at] as T));
      } catch (error) {
        if (!this.released) this.refill(objects.slice(at));
        else await releaseEachAsync(objects.slice(at), pool, this.book, 'AsyncBatch.detach');
        throw error;
      }
    }
    return into;
  }

  /**
   * Gives all objects back at once, and goes on where the pool refuses one.
   *
   * @throws ERR_MEMORY_DOUBLE_FREE for a batch that was released; what `release` of the pool threw, after the last object
   *   has settled: a single error as it is, several as the causes of one ERR_MEMORY_INVALID_STATE
   */
  async release(): Promise<void> {
    if (this.released) throw doubleRelease('AsyncBatch', 'release');
    const objects = this.end();
    this.book.live -= 1;
    await releaseEachAsync(objects, this.pool, this.book, 'AsyncBatch.release');
  }

  /** For AsyncBatchAllocator: whether it is one of those that this book counts. */
  isOf(book: BatchBook): boolean {
    return this.book === book;
  }

  /** Releases unless that was done: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.released) await this.release();
  }
}

/** Gives all back, whatever single ones throw; one error at the end. */
export async function releaseEachAsync<T>(
  objects: readonly T[],
  pool: AsyncPoolLike<T>,
  book: BatchBook,
  what: string,
): Promise<void> {
  const errors: unknown[] = [];
  await Promise.all(
    objects.map(async (object) => {
      try {
        await pool.release(object);
      } catch (error) {
        errors.push(error);
      }
    }),
  );
  book.releaseFailures += errors.length;
  throwAll(errors, objects.length, what);
}
