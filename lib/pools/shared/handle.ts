import type { SharedAllocatorHandle, SharedBlockLease } from '../../allocators';
import { checkBoolean, checkInteger, checkString } from '../../core';
import type { RegionHandle } from '../../platform';
import { badHandle, badLease, otherKind, otherPool, otherVersion } from './errors';

export const SHARED_POOL_VERSION = 1;
/** Pools are told apart by a random number. */
export const MOST_ID = 2 ** 48 - 1;

export type SharedPoolKind = 'lock-free' | 'thread-safe' | 'work-stealing';

/**
 * What another thread or process needs to attach to a shared pool: plain data for `postMessage`, `workerData` or IPC. In
 * other processes it works while the process that made it lives; an attached process can pass on its own `handle`.
 */
export interface SharedPoolHandle {
  readonly type: 'nebula-memory.shared-pool';
  /** Which class attaches. */
  readonly kind: SharedPoolKind;
  readonly version: number;
  readonly name: string;
  /** Which pool it is: leases name it. */
  readonly id: number;
  readonly zeroOnAcquire: boolean;
  readonly zeroOnRelease: boolean;
  /** The slots. */
  readonly blocks: SharedAllocatorHandle;
  /** Those who wait: of a ThreadSafePool. */
  readonly line?: RegionHandle;
}

/** A slot on loan, as plain data to hand over: to who shall adopt it. Its first fields are those of any shared block. */
export interface SharedSlotLease extends SharedBlockLease {
  /** The pool's id. */
  readonly pool: number;
  readonly slot: number;
}

const KINDS: readonly unknown[] = ['lock-free', 'thread-safe', 'work-stealing'];

/** Copies and checks a handle from anywhere. @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_UNSUPPORTED */
export function checkPoolHandle(where: string, kind: SharedPoolKind, value: unknown): SharedPoolHandle {
  if (typeof value !== 'object' || value === null) throw badHandle(where, value);
  let copy: SharedPoolHandle;
  try {
    const {
      type,
      kind: found,
      version,
      name,
      id,
      zeroOnAcquire,
      zeroOnRelease,
      blocks,
      line,
    } = value as SharedPoolHandle;
    copy = { type, kind: found, version, name, id, zeroOnAcquire, zeroOnRelease, blocks };
    if (line !== undefined) copy = { ...copy, line };
  } catch (cause) {
    throw badHandle(where, value, cause);
  }
  if (copy.type !== 'nebula-memory.shared-pool' || !KINDS.includes(copy.kind)) throw badHandle(where, value);
  if (copy.kind !== kind) throw otherKind(where, kind, copy.kind);
  if (copy.version !== SHARED_POOL_VERSION) throw otherVersion(where, copy.version, SHARED_POOL_VERSION);
  checkString(`${where}: handle.name`, copy.name, 200);
  checkInteger(`${where}: handle.id`, copy.id, 1, MOST_ID);
  checkBoolean(`${where}: handle.zeroOnAcquire`, copy.zeroOnAcquire);
  checkBoolean(`${where}: handle.zeroOnRelease`, copy.zeroOnRelease);
  return copy;
}

/**
 * Copies and checks a lease from anywhere; the pool's id may be missing, as it is in a message of a Channel.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE, ERR_MEMORY_FOREIGN_FREE for one of another pool
 */
export function checkSlotLease(where: string, id: number, slotBytes: number, value: unknown): SharedBlockLease {
  let copy: Partial<SharedSlotLease> = {};
  try {
    const { type, offset, byteLength, generation, pool } = value as SharedSlotLease;
    copy = { type, offset, byteLength, generation, pool };
  } catch {
    // refused below
  }
  const { type, pool } = copy;
  if (type !== 'nebula-memory.shared-lease') throw badLease(where, value);
  const offset = checkInteger(`${where}: lease.offset`, copy.offset);
  const byteLength = checkInteger(`${where}: lease.byteLength`, copy.byteLength, 1);
  const generation = checkInteger(`${where}: lease.generation`, copy.generation);
  const known = pool === undefined || checkInteger(`${where}: lease.pool`, pool, 1, MOST_ID) === id;
  if (!known || byteLength !== slotBytes || offset % slotBytes !== 0) throw otherPool(where);
  return { type, offset, byteLength, generation };
}
