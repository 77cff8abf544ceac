import { memoryError, notForUsers } from '../../core';

/** What a box needs of its pool. */
export interface Lender {
  readonly generation: number;
  readonly disposed: boolean;
  viewLeased(offset: number, byteLength: number): Uint8Array;
  endLease(offset: number, byteLength: number, keep: boolean): void;
}

/**
 * One block on loan: `using box = pool.lease()`. As long as it is out, only the box can give the block back:
 * `deallocate` refuses it. Belongs to the thread of its pool.
 */
export class PoolBox implements Disposable {
  /** Bytes of the block as it was asked for. */
  readonly byteLength: number;
  private readonly pool: Lender;
  private readonly start: number;
  private readonly generation: number;
  private state: 'out' | 'released' | 'taken' = 'out';

  /** Not for users: call `lease()`. */
  constructor(pool: Lender, start: number, byteLength: number) {
    if (typeof (pool as Partial<Lender> | undefined | null)?.endLease !== 'function') {
      throw notForUsers('PoolBox', 'pool.lease()');
    }
    this.pool = pool;
    this.start = start;
    this.byteLength = byteLength;
    this.generation = pool.generation;
  }

  /** Where the block lies in its pool. @throws ERR_MEMORY_STALE_HANDLE once it is given back */
  get offset(): number {
    this.needOut('offset');
    return this.start;
  }

  /**
   * A new view of the block at each call. Views that are kept see the block's next user after release().
   *
   * @throws ERR_MEMORY_STALE_HANDLE once it is given back, ERR_MEMORY_FREED when the region below was freed by its owner
   */
  get bytes(): Uint8Array {
    this.needOut('bytes');
    return this.pool.viewLeased(this.start, this.byteLength);
  }

  /** Gives the block back. @throws ERR_MEMORY_DOUBLE_FREE the second time, ERR_MEMORY_STALE_HANDLE after reset() */
  release(): void {
    if (this.state === 'released') {
      throw memoryError('ERR_MEMORY_DOUBLE_FREE', `PoolBox.release: the block at ${this.start} was given back before`);
    }
    this.needOut('release');
    this.pool.endLease(this.start, this.byteLength, false);
    this.state = 'released';
  }

  /** Ends the lease and keeps the block: its offset, to be given back by `deallocate(offset, byteLength)`. */
  intoOffset(): number {
    this.needOut('intoOffset');
    this.pool.endLease(this.start, this.byteLength, true);
    this.state = 'taken';
    return this.start;
  }

  /** Gives the block back if it is still out. */
  [Symbol.dispose](): void {
    if (this.state !== 'out') return;
    if (!this.pool.disposed && this.pool.generation === this.generation) {
      this.pool.endLease(this.start, this.byteLength, false);
    }
    this.state = 'released';
  }

  /** Alias of disposal, for code without `using`. */
  dispose(): void {
    this[Symbol.dispose]();
  }

  private needOut(method: string): void {
    if (this.state === 'out' && this.pool.generation === this.generation && !this.pool.disposed) return;
    const why = {
      out: 'its pool was reset or disposed',
      released: 'it was given back',
      taken: 'intoOffset() took it out',
    }[this.state];
    throw memoryError('ERR_MEMORY_STALE_HANDLE', `PoolBox.${method}: the block at ${this.start} is not here: ${why}`);
  }
}
