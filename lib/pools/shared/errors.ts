import { describe, type MemoryError, memoryError } from '../../core';

/** A loan that is over: given back, adopted elsewhere, or taken back when its pool was closed. */
export function staleLoan(source: string, method: string, slot: number, why: string): MemoryError {
  return memoryError('ERR_MEMORY_STALE_HANDLE', `${source}: SlotLease.${method}: slot ${slot} ${why}`, {
    source,
    hint: 'Whoever holds the slot now has a lease of its own; acquire() or adopt() another one.',
  });
}

export function badHandle(where: string, value: unknown, cause?: unknown): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: the handle of a shared pool is needed, got ${describe(value)}`,
    { cause, hint: 'Send pool.handle to the thread or process, and attach with the class that made it.' },
  );
}

export function otherKind(where: string, wanted: string, found: string): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: the handle is of a ${found} pool, not of a ${wanted} one`,
  );
}

export function otherVersion(where: string, found: unknown, known: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_UNSUPPORTED',
    `${where}: the pool has layout ${describe(found)}, this version of the package knows ${known}`,
    { hint: 'Use the same version of the package in every process that shares a pool.' },
  );
}

export function badLine(where: string, why: string): MemoryError {
  return memoryError('ERR_MEMORY_CORRUPTION', `${where}: the line of those who wait cannot be used: ${why}`, {
    hint: 'Attach with the handle of a pool that is in use, as it was given.',
  });
}

export function otherPool(where: string): MemoryError {
  return memoryError('ERR_MEMORY_FOREIGN_FREE', `${where}: the lease is of another pool`, {
    hint: 'Adopt it from the pool of the same handle.',
  });
}

export function gone(where: string, source: string, slot: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_STALE_HANDLE',
    `${where}: slot ${slot} was adopted or given back since the lease was made`,
    {
      source,
    },
  );
}

export function noPlace(where: string, source: string, owners: number): MemoryError {
  return memoryError('ERR_MEMORY_POOL_EXHAUSTED', `${where}: all ${owners} places for attachments are taken`, {
    source,
    hint: 'Close attachments, or create the pool with a larger `owners`.',
  });
}

export function badLease(where: string, value: unknown): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_ARGUMENT',
    `${where}: the lease of a shared slot is needed, got ${describe(value)}`,
    { hint: 'Send the plain data of SlotLease.lease, and adopt it where it arrives.' },
  );
}
