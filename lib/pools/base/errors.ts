import { type MemoryError, memoryError } from '../../core';

/** At the bound. */
export function exhausted(source: string, method: string, borrowed: number, maxSize: number): MemoryError {
  return memoryError(
    'ERR_MEMORY_POOL_EXHAUSTED',
    `${source}.${method}: all ${maxSize} are in use; ${borrowed} of them are lent out`,
    { source, hint: 'Release sooner, raise the bound, or use a pool whose acquire() waits.' },
  );
}

export function poolClosed(source: string, method: string): MemoryError {
  return memoryError('ERR_MEMORY_CLOSED', `${source}.${method}: the pool is closed`, { source });
}

export function doubleRelease(source: string, method: string): MemoryError {
  return memoryError('ERR_MEMORY_DOUBLE_FREE', `${source}.${method}: this one was given back before`, {
    source,
    hint: 'Whoever acquired it releases it, once; `using` and use() do so by themselves.',
  });
}

export function foreignRelease(source: string, method: string, what: string): MemoryError {
  return memoryError('ERR_MEMORY_FOREIGN_FREE', `${source}.${method}: ${what} is not of this pool`, {
    source,
    hint: 'Give back the very object that acquire() returned; one that was detached is not the pool’s any more.',
  });
}

/** A hook was called and calls the pool itself. */
export function reentrant(source: string, method: string, hook: string): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_STATE', `${source}.${method}: called from inside the ${hook} hook`, {
    source,
    hint: 'Hooks work on their object; what needs the pool comes after them.',
  });
}

export function timedOut(source: string, method: string, deadlineMs: number, waiting: number): MemoryError {
  return memoryError('ERR_MEMORY_TIMEOUT', `${source}.${method}: nothing was free for ${deadlineMs} ms`, {
    source,
    hint: `${waiting} others wait: release sooner, raise the bound, or wait longer.`,
  });
}

export function abortedWait(source: string, method: string, cause: unknown): MemoryError {
  return memoryError('ERR_MEMORY_ABORTED', `${source}.${method}: the signal was aborted`, { source, cause });
}

/** `create` returned what is in a pool already. */
export function ownedAlready(source: string, method: string, owner: string): MemoryError {
  return memoryError(
    'ERR_MEMORY_INVALID_STATE',
    `${source}.${method}: create returned an object that belongs to ${owner} already`,
    { source, hint: 'A pool needs objects of its own: make a new one at each call, or detach() it there first.' },
  );
}

/** Several hooks failed in one call, which did all its work. */
export function severalFailed(source: string, method: string, errors: readonly unknown[]): MemoryError {
  return memoryError('ERR_MEMORY_INVALID_STATE', `${source}.${method}: ${errors.length} hooks failed`, {
    source,
    cause: new AggregateError(errors),
  });
}

/** A lease that was ended, by itself or by whoever gave its object back before. */
export function staleLease(source: string, method: string): MemoryError {
  return memoryError(
    'ERR_MEMORY_STALE_HANDLE',
    `${source}: PoolLease.${method}: the object is not on this loan any more`,
    {
      source,
    },
  );
}
