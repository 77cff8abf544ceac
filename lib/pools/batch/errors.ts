import { type MemoryError, memoryError } from '../../core';

/** Too few are free for all of a batch. `most`: what the pool can ever have out; null without a bound. */
export function tooFew(source: string, method: string, wanted: number, got: number, most: number | null): MemoryError {
  const never = most !== null && wanted > most;
  const bound = most === null ? 'without a bound' : `of at most ${most}`;
  return memoryError(
    'ERR_MEMORY_POOL_EXHAUSTED',
    `${source}.${method}: ${wanted} objects asked, ${never ? 'more than' : `${got} free in`} a pool ${bound}; none was taken`,
    {
      source,
      retryable: !never,
      hint: never
        ? 'Ask for less at a time, or raise the bound of the pool.'
        : 'Release sooner, or take a partial batch.',
    },
  );
}

export function batchEnded(method: string): MemoryError {
  return memoryError('ERR_MEMORY_STALE_HANDLE', `Batch.${method}: the batch was given back`, { source: 'Batch' });
}

export function sliceEnded(method: string): MemoryError {
  return memoryError('ERR_MEMORY_STALE_HANDLE', `Batch.${method}: the batch has changed since this was made`, {
    source: 'Batch',
    hint: 'split, take, detach and release end the slices and iterations of a batch: take new ones.',
  });
}

/** One error for all that failed in a row of `total`; a single one is thrown as it is. */
export function throwAll(errors: readonly unknown[], total: number, what: string): void {
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  throw memoryError('ERR_MEMORY_INVALID_STATE', `${what}: ${errors.length} of ${total} objects failed`, {
    cause: new AggregateError(errors),
    hint: 'The others are done; the cause lists what went wrong with each.',
  });
}
