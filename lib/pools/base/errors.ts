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
