import type { SharedAllocatorOptions } from '../../allocators';
import {
  type ByteSize,
  type Clock,
  checkBoolean,
  checkClock,
  checkFunction,
  checkOptions,
  checkTimers,
  type Timers,
} from '../../core';
import type { PoolStats } from '../base';

/** What each attachment decides for itself. */
export interface SharedPoolAttachOptions<T = Uint8Array> {
  /**
   * Makes an object over a slot's bytes, such as a typed view: once for each slot and attachment, when `value` of a lease
   * is asked for. Default: the bytes themselves.
   */
  readonly wrap?: (bytes: Uint8Array, slot: number) => T;
}

/** Options of a shared pool. */
export interface SharedPoolOptions<T = Uint8Array> extends SharedPoolAttachOptions<T> {
  /** How many there are, exactly: 1 to 2^26. */
  readonly slots: number;
  /** Bytes of a slot: 1 to 1 GiB, a multiple of the alignment that views over it need. */
  readonly slotBytes: ByteSize;
  /** For messages and stats, up to 200 characters. */
  readonly name?: string;
  /** Attachments that can be there at once, over all threads and processes: 1 to 1023. Default 64. */
  readonly owners?: number;
  /** Pages of the slots. */
  readonly pages?: SharedAllocatorOptions['pages'];
  /** Slots are lent filled with zeros. Default false: with what their last holder left in them. */
  readonly zeroOnAcquire?: boolean;
  /** Slots are zeroed when they are given back, by close() too; those of the dead are not. Default false. */
  readonly zeroOnRelease?: boolean;
}

/** Counters of a shared pool: sums over all attachments, past ones included. */
export interface SharedPoolStats extends PoolStats {
  readonly slotBytes: number;
  /** Attachments that are there. */
  readonly owners: number;
  /** Loans from the attachment's own share, without a step that others can be in the way of. */
  readonly localHits: number;
  /** Slots that went from one attachment's share to another's. */
  readonly stolen: number;
  /** How often this attachment took some of another one's share. */
  readonly steals: number;
}

/** What recover() found. */
export interface SharedPoolRecovery {
  /** Attachments whose worker or process had ended without close(). */
  readonly owners: number;
  /** Slots that came back from them. */
  readonly slots: number;
}

export const CREATE_KEYS = [
  'slots',
  'slotBytes',
  'name',
  'owners',
  'pages',
  'zeroOnAcquire',
  'zeroOnRelease',
  'wrap',
] as const;

/** Reads and checks options of create(); sizes are checked by the allocator. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function readCreate<T, O extends SharedPoolOptions<T>>(
  where: string,
  options: O,
  keys: readonly (keyof O & string)[],
): O {
  const given = checkOptions(where, options, keys);
  if (given.wrap !== undefined) checkFunction(`${where}: wrap`, given.wrap);
  if (given.zeroOnAcquire !== undefined) checkBoolean(`${where}: zeroOnAcquire`, given.zeroOnAcquire);
  if (given.zeroOnRelease !== undefined) checkBoolean(`${where}: zeroOnRelease`, given.zeroOnRelease);
  return given;
}

/** Checks what time is measured and waited by, where it is given. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkTime(
  where: string,
  { timers, clock }: { readonly timers?: Timers; readonly clock?: Clock },
): void {
  checkClock(where, clock);
  checkTimers(where, timers);
}
