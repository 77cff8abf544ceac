import { checkInteger } from '../../core';
import { attachSlots, createSlots, SharedPoolBase } from './base';
import type { SharedPoolHandle } from './handle';
import { CREATE_KEYS, readCreate, type SharedPoolAttachOptions, type SharedPoolOptions } from './options';
import type { SlotLease } from './slot-lease';

/** Options of a {@link WorkStealingPool}. */
export interface WorkStealingPoolOptions<T = Uint8Array> extends SharedPoolOptions<T> {
  /**
   * Slots that an attachment keeps to itself first when it gives them back: 1 to 4096. Default: the slots, shared out to
   * eight, at least 32 and at most 4096.
   */
  readonly shareSlots?: number;
}

const MOST_SHARE = 4096;

function shareFor(slots: unknown): number {
  return typeof slots === 'number' && slots >= 256 ? Math.min(MOST_SHARE, Math.floor(slots / 8)) : 32;
}

/**
 * Slots of shared memory of which each worker has a share of its own: it takes what it gave back last, whose bytes its
 * processor still has near, and gives back to its own. When its share is empty it takes from the common store, where all
 * slots begin, and then half of the fullest share of another one. The share of one who died is taken over like any other.
 *
 * It is LockFreePool with a larger share: shares hold only where to look, the word of a slot decides who has it. So
 * nobody is refused while any slot is free, and no slot is lost with a share.
 */
export class WorkStealingPool<T = Uint8Array> extends SharedPoolBase<T> {
  /** Makes a pool, attached to it. @throws as LockFreePool.create */
  static create<T = Uint8Array>(options: WorkStealingPoolOptions<T>): WorkStealingPool<T> {
    const where = 'WorkStealingPool.create';
    const given = readCreate<T, WorkStealingPoolOptions<T>>(where, options, [...CREATE_KEYS, 'shareSlots']);
    const share = checkInteger(`${where}: shareSlots`, given.shareSlots ?? shareFor(given.slots), 1, MOST_SHARE);
    return new WorkStealingPool<T>('work-stealing', createSlots(where, given, 'work-stealing-pool', share));
  }

  /** Attaches from another thread or process, with a share of its own. @throws as LockFreePool.attach */
  static attach<T = Uint8Array>(handle: SharedPoolHandle, options?: SharedPoolAttachOptions<T>): WorkStealingPool<T> {
    const { parts } = attachSlots('WorkStealingPool.attach', 'work-stealing', handle, options);
    return new WorkStealingPool<T>('work-stealing', parts);
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
