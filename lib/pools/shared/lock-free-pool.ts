import { attachSlots, createSlots, SharedPoolBase } from './base';
import type { SharedPoolHandle } from './handle';
import { CREATE_KEYS, readCreate, type SharedPoolAttachOptions, type SharedPoolOptions } from './options';
import type { SlotLease } from './slot-lease';

/**
 * Slots of shared memory that worker threads and processes lend from one pool, without a lock: each loan and each return
 * is one compare-and-exchange of the slot's own word, which names the holder and counts the returns. So nothing is handed
 * out twice, nobody waits for one who was stopped, and what a worker or process held that ended comes back.
 *
 * One object belongs to one thread; others attach by `handle`.
 */
export class LockFreePool<T = Uint8Array> extends SharedPoolBase<T> {
  /**
   * Makes a pool, attached to it.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, and what mapping throws
   */
  static create<T = Uint8Array>(options: SharedPoolOptions<T>): LockFreePool<T> {
    const where = 'LockFreePool.create';
    const given = readCreate<T, SharedPoolOptions<T>>(where, options, CREATE_KEYS);
    return new LockFreePool<T>('lock-free', createSlots(where, given, 'lock-free-pool'));
  }

  /**
   * Attaches from another thread or process.
   *
   * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no handle of such a pool, ERR_MEMORY_UNSUPPORTED for a pool of another
   *   layout, ERR_MEMORY_CORRUPTION and ERR_MEMORY_FAULTED for memory that was overwritten or cut off,
   *   ERR_MEMORY_STALE_HANDLE for a pool that is gone, ERR_MEMORY_POOL_EXHAUSTED when all places are taken
   */
  static attach<T = Uint8Array>(handle: SharedPoolHandle, options?: SharedPoolAttachOptions<T>): LockFreePool<T> {
    return new LockFreePool<T>('lock-free', attachSlots('LockFreePool.attach', 'lock-free', handle, options).parts);
  }

  /** A slot on loan. @throws ERR_MEMORY_POOL_EXHAUSTED when the living hold all of them, ERR_MEMORY_CLOSED */
  acquire(): SlotLease<T> {
    return this.claimSurely();
  }

  /** A slot on loan, or undefined; looks for the dead at every 64th refusal. @throws ERR_MEMORY_CLOSED */
  tryAcquire(): SlotLease<T> | undefined {
    return this.claim();
  }
}
