import { checkInteger, describe, memoryError } from '../../core';
import { batchEnded, sliceEnded } from './errors';

/** A window into a batch; ends with the next change of the batch. */
export interface BatchSlice<T> extends Iterable<T> {
  readonly length: number;
  /** @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE */
  at(index: number): T;
}

/** Objects that are held together. What is common to batches that are given back at once and by promise. */
export abstract class BatchContents<T> implements Iterable<T> {
  private objects: T[];
  private revision = 0;
  private isOver = false;

  constructor(objects: T[]) {
    this.objects = objects;
  }

  /** 0 once released. */
  get length(): number {
    return this.objects.length;
  }

  get released(): boolean {
    return this.isOver;
  }

  /** @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE once released */
  at(index: number): T {
    this.needOpen('at');
    const { objects } = this;
    if (typeof index !== 'number' || !(index >= 0 && index < objects.length) || !Number.isInteger(index)) {
      throw badIndex(index, objects.length);
    }
    return objects[index] as T;
  }

  /** The objects in order. @throws ERR_MEMORY_STALE_HANDLE once released, and when the batch changes on the way */
  [Symbol.iterator](): Iterator<T> {
    return this.slice()[Symbol.iterator]();
  }

  /**
   * A window from `from` up to and without `to`; no copy.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_STALE_HANDLE once released
   */
  slice(from: number = 0, to: number = this.objects.length): BatchSlice<T> {
    this.needOpen('slice');
    const { length } = this.objects;
    const end = checkInteger('Batch.slice: to', to, 0, length);
    const start = checkInteger('Batch.slice: from', from, 0, end);
    return new Slice(this, start, end - start, this.revision);
  }

  /**
   * Takes the first `count` out of the batch, default all. They stay borrowed: each goes back by `release` of the pool,
   * or all by `releaseBatch`.
   *
   * @throws ERR_MEMORY_OUT_OF_RANGE for more than there are, ERR_MEMORY_STALE_HANDLE once released
   */
  take(count: number = this.objects.length): T[] {
    this.needOpen('take');
    checkInteger('Batch.take: count', count, 0, this.objects.length);
    return this.cut(0, count);
  }

  /** For slices. */
  read(index: number, revision: number, method: string): T {
    this.needOpen(method);
    if (revision !== this.revision) throw sliceEnded(method);
    return this.objects[index] as T;
  }

  /** Those after the first `count`, removed. */
  protected cutAfter(count: number): T[] {
    this.needOpen('splitAt');
    checkInteger('Batch.splitAt: count', count, 0, this.objects.length);
    return this.cut(count, this.objects.length - count);
  }

  protected refill(objects: readonly T[]): void {
    for (const object of objects) this.objects.push(object); // spread, a large batch would overflow the stack
    this.revision += 1;
  }

  /** Ends the batch; hands over what was in it. */
  protected end(): T[] {
    const { objects } = this;
    this.objects = [];
    this.isOver = true;
    this.revision += 1;
    return objects;
  }

  /** Before anything leaves: what cannot be put anywhere would be lost. @throws ERR_MEMORY_INVALID_ARGUMENT */
  protected checkInto(into: unknown): void {
    if (Array.isArray(into) && Object.isExtensible(into)) return;
    const given = Array.isArray(into) ? 'one that cannot grow' : describe(into);
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `Batch.detach: into must be an array, got ${given}`);
  }

  protected needOpen(method: string): void {
    if (this.isOver) throw batchEnded(method);
  }

  private cut(from: number, count: number): T[] {
    this.revision += 1;
    return this.objects.splice(from, count);
  }
}

class Slice<T> implements BatchSlice<T> {
  constructor(
    private readonly batch: BatchContents<T>,
    private readonly from: number,
    readonly length: number,
    private readonly revision: number,
  ) {}

  at(index: number): T {
    if (typeof index !== 'number' || !(index >= 0 && index < this.length) || !Number.isInteger(index)) {
      throw badIndex(index, this.length);
    }
    return this.batch.read(this.from + index, this.revision, 'at');
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = 0; at < this.length; at += 1) yield this.batch.read(this.from + at, this.revision, 'iterator');
  }
}

function badIndex(index: unknown, length: number): Error {
  if (length > 0) checkInteger('Batch.at: index', index, 0, length - 1);
  return memoryError('ERR_MEMORY_OUT_OF_RANGE', 'Batch.at: nothing is in it');
}
