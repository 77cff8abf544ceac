import { memoryError } from '../../core';

/** A typed array beside the memory. @throws ERR_MEMORY_OUT_OF_MEMORY where JavaScript has no room for it */
export function bookArray<T>(kind: new (length: number) => T, length: number): T {
  try {
    return new kind(length);
  } catch (cause) {
    throw memoryError('ERR_MEMORY_OUT_OF_MEMORY', `no memory for ${length} words of an allocator's bookkeeping`, {
      cause,
      hint: 'Use fewer and larger blocks, or several allocators.',
    });
  }
}
