import {
  checkFunction,
  checkInteger,
  checkOptions,
  ignoreFailure,
  parseWait,
  systemTimers,
  type Timers,
  WAIT_KEYS,
  type WaitOptions,
} from '../../core';
import { abortedWait, foreignRelease } from '../base';
import { AsyncBatch, releaseEachAsync } from './async-batch';
import type { AsyncPoolLike } from './async-pool-like';
import { type BatchAllocatorOptions, parseBatchOptions } from './batch-allocator';
import { BatchBook, type BatchStats } from './book';
import { checkPool } from './check-pool';
import { Collecting } from './collecting';
import { tooFew } from './errors';
import { turnsOf } from './turns';

export interface AsyncBatchAllocatorOptions extends BatchAllocatorOptions {
  /** For tests. */
  readonly timers?: Timers;
}

/**
 * Batches of a pool that is waited for. Two of them cannot block each other: each pool has one order of turns, and only
 * the batch whose turn it is holds part of what it needs; the others hold nothing while they wait. Whoever holds a whole
 * batch and waits for a second one may still wait for ever: give such a wait a deadline. Belongs to one thread.
 */
export class AsyncBatchAllocator<T> {
  readonly name: string;
  /** Objects of a batch where the caller names no number. */
  readonly batchSize: number;
  private readonly maxBatchSize: number;
  private readonly timers: Timers;
  private readonly book = new BatchBook();

  /** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
  constructor(
    private readonly pool: AsyncPoolLike<T>,
    options: AsyncBatchAllocatorOptions = {},
  ) {
    checkPool('AsyncBatchAllocator', pool, ['acquire', 'release']);
    const { timers = systemTimers, ...rest } = checkOptions('AsyncBatchAllocator', options, [
      'name',
      'batchSize',
      'maxBatchSize',
      'timers',
    ]);
    const parsed = parseBatchOptions('AsyncBatchAllocator', pool, rest);
    this.name = parsed.name;
    this.batchSize = parsed.batchSize;
    this.maxBatchSize = parsed.maxBatchSize;
    checkFunction('AsyncBatchAllocator: timers.start', (timers as Partial<Timers> | null)?.start);
    checkFunction('AsyncBatchAllocator: timers.stop', (timers as Partial<Timers> | null)?.stop);
    this.timers = timers;
  }

  /**
   * Waits for exactly `count` objects; when it fails none is kept. The deadline covers the wait for the turn as well.
   * Keeps the process alive until the deadline, and without one not at all.
   *
   * @throws ERR_MEMORY_POOL_EXHAUSTED at once for more than the pool can ever have, ERR_MEMORY_TIMEOUT,
   *   ERR_MEMORY_ABORTED, and what `acquire` of the pool throws
   */
  async acquireExact(count: number = this.batchSize, options: WaitOptions = {}): Promise<AsyncBatch<T>> {
    const { name: source, pool, timers, book } = this;
    checkInteger(`${source}.acquireExact: count`, count, 1, this.maxBatchSize);
    const wait = parseWait(`${source}.acquireExact`, checkOptions(`${source}.acquireExact`, options, WAIT_KEYS));
    const most = pool.maxSize ?? null;
    try {
      if (most !== null && count > most) throw tooFew(source, 'acquireExact', count, most, most);
      if (wait.signal?.aborted) throw abortedWait(source, 'acquireExact', wait.signal.reason);
      const giveBack = (objects: readonly T[]): void => {
        ignoreFailure(releaseEachAsync(objects, pool, book, source)); // counted
      };
      const objects = await new Promise<T[]>((resolve, reject) => {
        new Collecting<T>({ source, pool, turns: turnsOf(pool), timers, count, wait, giveBack, resolve, reject });
      });
      book.lent(count, count);
      return new AsyncBatch(objects, pool, book);
    } catch (error) {
      book.refusals += 1;
      throw error;
    }
  }

  /**
   * Gives back a batch, or what was taken out of one.
   *
   * @throws ERR_MEMORY_FOREIGN_FREE for a batch of another allocator; otherwise as release() of the batch
   */
  async releaseBatch(batch: AsyncBatch<T> | readonly T[]): Promise<void> {
    if (Array.isArray(batch)) {
      await releaseEachAsync(batch as readonly T[], this.pool, this.book, `${this.name}.releaseBatch`);
      return;
    }
    if (!(batch instanceof AsyncBatch) || !batch.isOf(this.book)) {
      throw foreignRelease(this.name, 'releaseBatch', 'the batch');
    }
    await batch.release();
  }

  /** Batches that wait for their turn, of all allocators over this pool. */
  get waiting(): number {
    return turnsOf(this.pool).waiting;
  }

  stats(): BatchStats {
    return this.book.snapshot(this.name);
  }
}
