import { checkInteger, checkOptions, checkString } from '../../core';
import { foreignRelease, type Pool } from '../base';
import { Batch, releaseEach } from './batch';
import { BatchBook, type BatchStats } from './book';
import { checkPool } from './check-pool';
import { tooFew } from './errors';

export interface BatchAllocatorOptions {
  /** Default: `batches of` the pool's name. */
  readonly name?: string;
  /** Objects of a batch where the caller names no number. Default: a tenth of the pool's bound, at least 1; 16 without one. */
  readonly batchSize?: number;
  /** Objects of a batch, at most. Default 1 048 576. */
  readonly maxBatchSize?: number;
}

const LARGEST = 2 ** 20;

/** What was taken for one request; it counts as served when it is lent. */
interface Collected<T> {
  readonly objects: T[];
  readonly hits: number;
  readonly misses: number;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function parseBatchOptions(
  where: string,
  pool: { readonly name: string; readonly maxSize?: number | null },
  options: BatchAllocatorOptions,
): Required<BatchAllocatorOptions> {
  const given = checkOptions(where, options, ['name', 'batchSize', 'maxBatchSize']);
  const maxBatchSize = checkInteger(`${where}: maxBatchSize`, given.maxBatchSize ?? LARGEST, 1, 2 ** 32);
  const bound = pool.maxSize ?? null;
  const usual = bound === null ? 16 : Math.max(1, Math.floor(bound / 10));
  return {
    name: checkString(`${where}: name`, given.name ?? `batches of ${pool.name}`, 300),
    maxBatchSize,
    batchSize: checkInteger(`${where}: batchSize`, given.batchSize ?? Math.min(usual, maxBatchSize), 1, maxBatchSize),
  };
}

/**
 * Takes several objects of a pool at a time, as many as there are or all that are asked, and gives them back together.
 * Works with every pool whose calls answer at once; see {@link AsyncBatchAllocator} for the others. Belongs to one thread.
 */
export class BatchAllocator<T> {
  readonly name: string;
  /** Objects of a batch where the caller names no number. */
  readonly batchSize: number;
  private readonly maxBatchSize: number;
  private readonly book = new BatchBook();

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(
    private readonly pool: Pool<T>,
    options: BatchAllocatorOptions = {},
  ) {
    checkPool('BatchAllocator', pool, ['tryAcquire', 'release', 'detach', 'stats']);
    const parsed = parseBatchOptions('BatchAllocator', pool, options);
    this.name = parsed.name;
    this.batchSize = parsed.batchSize;
    this.maxBatchSize = parsed.maxBatchSize;
  }

  /**
   * Up to `count` objects: as many as the pool has, none at all included.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_CLOSED, and what the pool's hooks throw: what was taken goes back then
   */
  acquireBatch(count: number = this.batchSize): Batch<T> {
    this.check('acquireBatch', count);
    return this.lend(count, this.collect(count));
  }

  /** Exactly `count` objects, or undefined and nothing is taken. @throws as acquireBatch() */
  tryAcquireExact(count: number = this.batchSize): Batch<T> | undefined {
    this.check('tryAcquireExact', count);
    const got = this.collectAll(count);
    return typeof got === 'number' ? undefined : this.lend(count, got);
  }

  /** Exactly `count` objects. @throws ERR_MEMORY_POOL_EXHAUSTED and nothing is taken; otherwise as acquireBatch() */
  acquireExact(count: number = this.batchSize): Batch<T> {
    this.check('acquireExact', count);
    const got = this.collectAll(count);
    if (typeof got !== 'number') return this.lend(count, got);
    throw tooFew(this.name, 'acquireExact', count, got, this.pool.maxSize);
  }

  /**
   * Gives back a batch, or what was taken out of one.
   *
   * @throws ERR_MEMORY_FOREIGN_FREE for a batch of another allocator; otherwise as release() of the batch
   */
  releaseBatch(batch: Batch<T> | readonly T[]): void {
    if (Array.isArray(batch)) {
      releaseEach(batch as readonly T[], this.pool, this.book, `${this.name}.releaseBatch`);
      return;
    }
    if (!(batch instanceof Batch) || !batch.isOf(this.book)) {
      throw foreignRelease(this.name, 'releaseBatch', 'the batch');
    }
    batch.release();
  }

  /**
   * Sees to it that `count` objects are there for the next batch, as far as the pool has room and keeps idle ones.
   *
   * @returns how many there were at a time
   * @throws as acquireBatch()
   */
  reserve(count: number): number {
    this.check('reserve', count);
    const { objects } = this.collect(count);
    releaseEach(objects, this.pool, this.book, `${this.name}.reserve`);
    return objects.length;
  }

  stats(): BatchStats {
    return this.book.snapshot(this.name);
  }

  private check(method: string, count: number): void {
    checkInteger(`${this.name}.${method}: count`, count, 1, this.maxBatchSize);
  }

  private lend(wanted: number, { objects, hits, misses }: Collected<T>): Batch<T> {
    const batch = new Batch(objects, this.pool, this.book);
    this.book.lent(wanted, objects.length);
    this.book.served(hits, misses);
    return batch;
  }

  /** All of them, or the number that there were; those are back then. */
  private collectAll(count: number): Collected<T> | number {
    const { pool, book } = this;
    const { closed } = pool as { closed?: unknown };
    // No object is touched for a request that cannot be served; a closed pool says itself that it is.
    const room = pool.maxSize === null || closed === true ? count : pool.maxSize - pool.borrowed;
    const got = room < count ? null : this.collect(count);
    if (got?.objects.length === count) return got;
    book.refusals += 1;
    if (got === null) return Math.max(0, room);
    this.giveBack(got.objects);
    return got.objects.length;
  }

  private collect(count: number): Collected<T> {
    const { pool, book } = this;
    const objects: T[] = [];
    try {
      const before = pool.stats();
      while (objects.length < count) {
        const object = pool.tryAcquire();
        if (object === undefined) break;
        objects.push(object);
      }
      const after = pool.stats();
      return { objects, hits: after.hits - before.hits, misses: after.misses - before.misses };
    } catch (error) {
      book.refusals += 1;
      this.giveBack(objects);
      throw error;
    }
  }

  /** Newest first, so that the pool is as it was. The request has its own answer: what fails here is counted. */
  private giveBack(objects: readonly T[]): void {
    try {
      releaseEach([...objects].reverse(), this.pool, this.book, this.name);
    } catch {
      // Counted.
    }
  }
}
