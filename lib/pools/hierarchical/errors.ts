import { type MemoryError, memoryError } from '../../core';
import type { Level } from './level';

/** A level on the way is at its limit and has nothing idle below. */
export function levelFull<T extends object>(asker: Level<T>, method: string, full: Level<T>): MemoryError {
  const { path, maxSize, lent, places } = full;
  const busy = places - lent;
  const rest = busy > 0 ? `, ${busy} in the hands of hooks` : '';
  return memoryError(
    'ERR_MEMORY_POOL_EXHAUSTED',
    `${asker.path}.${method}: level '${path}' has all ${maxSize} of its objects in use: ${lent} lent there and below${rest}`,
    { source: path, hint: 'Release sooner, or raise the maxSize of that level.' },
  );
}

/** The object is lent by another level of the tree. */
export function wrongLevel(path: string, method: string, lender: string): MemoryError {
  return memoryError('ERR_MEMORY_FOREIGN_FREE', `${path}.${method}: this object was lent by the level '${lender}'`, {
    source: path,
    hint: 'Give it back to the pool whose acquire() returned it; from there it goes home.',
  });
}
